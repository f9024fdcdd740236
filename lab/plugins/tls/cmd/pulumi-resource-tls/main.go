// Command pulumi-resource-tls is the Pulumi plugin "tls".
package main

import (
	"context"
	_ "embed"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"

	"private-registry/lab/tls/provider"
)

//go:embed schema.json
var schema []byte

func main() {
	pf.Main(context.Background(), "tls", provider.Info(), pf.ProviderMetadata{PackageSchema: schema})
}
