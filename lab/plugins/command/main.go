// Command pulumi-resource-command stands in for the official plugin "command", whose module no Go proxy serves.
//
// It has the two resources and the properties that this project declares, with the official plugin's rules for
// diff and replacement, and refuses every other property.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-go-provider/infer"

	"private-registry/lab/command/local"
	"private-registry/lab/command/remote"
)

// version is the version of the Python SDK that this plugin serves.
const version = "1.2.1"

func main() {
	provider, err := infer.NewProviderBuilder().
		WithResources(infer.Resource(&local.Command{}), infer.Resource(&remote.Command{})).
		Build()
	if err == nil {
		err = provider.Run(context.Background(), "command", version)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
