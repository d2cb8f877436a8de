package bpmn_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// TestSharedDocuments parses what real programs wrote, where it is at hand.
func TestSharedDocuments(t *testing.T) {
	t.Parallel()
	const root = "../../../shared"
	if _, err := os.Stat(root); err != nil {
		t.Skip("the folder of shared cases is not here")
	}
	count := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".bpmn20.xml") && !strings.HasSuffix(path, ".bpmn") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		count++
		doc, err := bpmn.Parse(data, filepath.Base(path))
		if err != nil {
			t.Errorf("%v", err)
			return nil
		}
		for _, w := range doc.Problems {
			t.Logf("%s: %s", doc.Name, w)
		}
		for _, process := range doc.Processes {
			if len(process.Order) < 2 || len(process.Root.Starts) == 0 {
				t.Errorf("%s: process %s has %d nodes and %d starts", doc.Name, process.ID, len(process.Order), len(process.Root.Starts))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 60 {
		t.Errorf("%d documents were found, at least 60 were expected", count)
	}
}
