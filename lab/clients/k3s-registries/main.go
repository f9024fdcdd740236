// Reads a registries.yaml by the parser of k3s and RKE2, and prints what that has understood. With an image it pulls it
// by that, with all layers, and prints its digest instead.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/rancher/wharfie/pkg/registries"
	"github.com/sirupsen/logrus"
)

func run(file string, images []string) error {
	parsed, err := registries.GetPrivateRegistries(file)
	if err != nil {
		return err
	}
	if len(images) == 0 {
		return json.NewEncoder(os.Stdout).Encode(parsed.Registry)
	}
	for _, image := range images {
		reference, err := name.ParseReference(image)
		if err != nil {
			return err
		}
		pulled, err := parsed.Image(reference)
		if err != nil {
			return err
		}
		layers, err := pulled.Layers()
		if err != nil {
			return err
		}
		for _, layer := range layers {
			content, err := layer.Compressed()
			if err != nil {
				return err
			}
			// Its end is read only where its digest is right.
			if _, err = io.Copy(io.Discard, content); err != nil {
				return err
			}
		}
		digest, err := pulled.Digest()
		if err != nil {
			return err
		}
		fmt.Println(digest)
	}
	return nil
}

func main() {
	logrus.SetLevel(logrus.ErrorLevel)
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
