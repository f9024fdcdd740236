// Command pulumi-tfgen-tls writes the schema that the plugin embeds.
package main

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"

	"private-registry/lab/tls/provider"
)

func main() { tfgen.Main("tls", provider.Info()) }
