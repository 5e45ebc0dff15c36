// Command tekton-lint reads a Tekton Task on stdin, and fails on what Tekton's own admission
// webhook refuses and on fields that it does not know.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := lint(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func lint() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	task := v1.Task{}
	if err := yaml.UnmarshalStrict(text, &task); err != nil {
		return err
	}
	ctx := context.Background()
	task.SetDefaults(ctx)
	if err := task.Validate(ctx); err != nil {
		return err
	}
	return nil
}
