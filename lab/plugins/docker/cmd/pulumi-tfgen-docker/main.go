// Command pulumi-tfgen-docker writes the schema that the plugin embeds.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"

	"private-registry/lab/docker/provider"
)

func main() { tfgen.Main("docker", provider.Version, provider.Info()) }
