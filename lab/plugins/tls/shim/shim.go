// Package shim gives the bridge the provider that its own module keeps internal.
package shim

import (
	"github.com/hashicorp/terraform-plugin-framework/provider"
	tls "github.com/hashicorp/terraform-provider-tls/internal/provider"
)

// New returns the TLS provider.
func New() provider.Provider { return tls.New() }
