// Command pulumi-resource-docker is the Pulumi plugin "docker".
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"

	"private-registry/lab/docker/provider"
)

//go:embed schema.json
var schema []byte

func main() {
	tfbridge.Main("docker", provider.Version, provider.Info(), schema)
}
