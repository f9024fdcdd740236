// Package shell holds what the local and the remote command have in common.
package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
)

// Inputs are the properties that both commands accept. A changed trigger replaces the resource.
type Inputs struct {
	Create                 *string `pulumi:"create,optional"`
	Update                 *string `pulumi:"update,optional"`
	Delete                 *string `pulumi:"delete,optional"`
	Stdin                  *string `pulumi:"stdin,optional"`
	Logging                *string `pulumi:"logging,optional"`
	Triggers               *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	AddPreviousOutputInEnv *bool   `pulumi:"addPreviousOutputInEnv,optional"`
}

// Names lists the properties of Inputs.
var Names = []string{"create", "update", "delete", "stdin", "logging", "triggers", "addPreviousOutputInEnv"}

// Outputs are what a run leaves, without the last newline.
type Outputs struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Runner runs one command line with the inputs' standard input and writes to the two streams.
type Runner func(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) error

// Run executes a command, where there is one, and stores its output.
func Run(ctx context.Context, command *string, in Inputs, out *Outputs, run Runner) error {
	if command == nil {
		return nil
	}
	var stdin io.Reader
	if in.Stdin != nil && *in.Stdin != "" {
		stdin = strings.NewReader(*in.Stdin)
	}
	var stdout, stderr bytes.Buffer
	both := &lockedBuffer{}
	if err := run(ctx, *command, stdin, io.MultiWriter(&stdout, both), io.MultiWriter(&stderr, both)); err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, *command, both.String())
	}
	if in.Logging == nil || *in.Logging != "none" {
		p.GetLogger(ctx).Info(both.String())
	}
	out.Stdout = strings.TrimSuffix(stdout.String(), "\n")
	out.Stderr = strings.TrimSuffix(stderr.String(), "\n")
	return nil
}

// UpdateOf is the command of an update: the declared one, or that of the creation.
func UpdateOf(in Inputs) *string {
	if in.Update != nil {
		return in.Update
	}
	return in.Create
}

// NewID draws the identifier of a new command.
func NewID(name string) (string, error) { return resource.NewUniqueHex(name, 8, 0) }

// Check refuses the properties that the stand-in does not know, then checks as usual.
func Check[I any](ctx context.Context, req infer.CheckRequest, known ...string) (infer.CheckResponse[I], error) {
	failures := Unknown("", req.NewInputs, append(known, Names...))
	inputs, more, err := infer.DefaultCheck[I](ctx, req.NewInputs)
	return infer.CheckResponse[I]{Inputs: inputs, Failures: append(failures, more...)}, err
}

// Unknown lists the properties of a map that are not among the known ones.
func Unknown(prefix string, properties property.Map, known []string) []p.CheckFailure {
	accepted := map[string]bool{"__defaults": true}
	for _, name := range known {
		accepted[name] = true
	}
	var failures []p.CheckFailure
	for name := range properties.All {
		if !accepted[name] {
			failures = append(failures, p.CheckFailure{
				Property: prefix + name,
				Reason:   "the lab's stand-in for the plugin command does not have this property",
			})
		}
	}
	return failures
}

type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
