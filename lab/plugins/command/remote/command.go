// Package remote runs commands on another machine over SSH.
package remote

import (
	"context"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"private-registry/lab/command/shell"
)

// Command is the resource command:remote:Command.
type Command struct{}

// Inputs are the properties of a remote command.
type Inputs struct {
	shell.Inputs
	Connection *Connection `pulumi:"connection" provider:"secret"`
}

// State is what is kept of a remote command.
type State struct {
	Inputs
	shell.Outputs
}

func (*Command) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[Inputs], error) {
	response, err := shell.Check[Inputs](ctx, req, "connection")
	if connection := req.NewInputs.Get("connection"); connection.IsMap() {
		response.Failures = append(response.Failures, unknown("connection.", connection.AsMap(), "proxy")...)
		if proxy := connection.AsMap().Get("proxy"); proxy.IsMap() {
			response.Failures = append(response.Failures, unknown("connection.proxy.", proxy.AsMap())...)
		}
	}
	return response, err
}

func unknown(prefix string, properties property.Map, more ...string) []p.CheckFailure {
	return shell.Unknown(prefix, properties, append(more, serverNames...))
}

func (*Command) Create(ctx context.Context, req infer.CreateRequest[Inputs]) (infer.CreateResponse[State], error) {
	state := State{Inputs: req.Inputs}
	id, err := shell.NewID(req.Name)
	if err == nil && !req.DryRun {
		err = shell.Run(ctx, req.Inputs.Create, req.Inputs.Inputs, &state.Outputs, req.Inputs.Connection.run)
	}
	return infer.CreateResponse[State]{ID: id, Output: state}, err
}

func (*Command) Update(ctx context.Context, req infer.UpdateRequest[Inputs, State]) (infer.UpdateResponse[State], error) {
	state := State{Inputs: req.Inputs, Outputs: req.State.Outputs}
	var err error
	if !req.DryRun {
		in := req.Inputs
		err = shell.Run(ctx, shell.UpdateOf(in.Inputs), in.Inputs, &state.Outputs, in.Connection.run)
	}
	return infer.UpdateResponse[State]{Output: state}, err
}

func (*Command) Delete(ctx context.Context, req infer.DeleteRequest[State]) (infer.DeleteResponse, error) {
	in := req.State.Inputs
	return infer.DeleteResponse{}, shell.Run(ctx, in.Delete, in.Inputs, &shell.Outputs{}, in.Connection.run)
}
