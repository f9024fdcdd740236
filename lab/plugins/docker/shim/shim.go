// Package shim gives the bridge the provider that its own module keeps internal.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// New returns the Docker provider under the given version.
func New(version string) *schema.Provider { return provider.New(version)() }
