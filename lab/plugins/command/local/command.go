// Package local runs commands on this machine.
package local

import (
	"context"
	"io"
	"os/exec"

	"github.com/pulumi/pulumi-go-provider/infer"

	"private-registry/lab/command/shell"
)

// Command is the resource command:local:Command.
type Command struct{}

// Inputs are the properties of a local command.
type Inputs struct {
	shell.Inputs
}

// State is what is kept of a local command.
type State struct {
	Inputs
	shell.Outputs
}

func (*Command) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[Inputs], error) {
	return shell.Check[Inputs](ctx, req)
}

func (*Command) Create(ctx context.Context, req infer.CreateRequest[Inputs]) (infer.CreateResponse[State], error) {
	state := State{Inputs: req.Inputs}
	id, err := shell.NewID(req.Name)
	if err == nil && !req.DryRun {
		err = shell.Run(ctx, req.Inputs.Create, req.Inputs.Inputs, &state.Outputs, run)
	}
	return infer.CreateResponse[State]{ID: id, Output: state}, err
}

func (*Command) Update(ctx context.Context, req infer.UpdateRequest[Inputs, State]) (infer.UpdateResponse[State], error) {
	state := State{Inputs: req.Inputs, Outputs: req.State.Outputs}
	var err error
	if !req.DryRun {
		err = shell.Run(ctx, shell.UpdateOf(req.Inputs.Inputs), req.Inputs.Inputs, &state.Outputs, run)
	}
	return infer.UpdateResponse[State]{Output: state}, err
}

func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[State]) (infer.DeleteResponse, error) {
	in := req.State.Inputs.Inputs
	return infer.DeleteResponse{}, shell.Run(ctx, in.Delete, in, &shell.Outputs{}, run)
}

func run(ctx context.Context, command string, stdin io.Reader, stdout, stderr io.Writer) error {
	process := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	process.Stdin, process.Stdout, process.Stderr = stdin, stdout, stderr
	return process.Run()
}
