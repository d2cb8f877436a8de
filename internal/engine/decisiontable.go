package engine

import (
	"fmt"
	"path"
	"strings"

	"github.com/sluicehq/sluice/internal/dmn"
	"github.com/sluicehq/sluice/internal/fault"
)

// decisionFile is a file of a deployment with decision tables.
type decisionFile struct {
	resource string
	model    string // APS: the model's id, which ends the file's name
	tables   []*dmn.Table
}

// isDMN reports whether a file of that name holds decision tables as DMN's XML; isDecision
// whether in any form: APS has a directory for its own.
func isDMN(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".dmn") || strings.HasSuffix(name, ".dmn.xml")
}

func isDecision(name string) bool {
	return isDMN(name) || (path.Base(path.Dir(name)) == "decision-table-models" && strings.HasSuffix(strings.ToLower(name), ".json"))
}

// readTables reads the tables of a file.
func readTables(name string, data []byte) ([]*dmn.Table, error) {
	if isDMN(name) {
		return dmn.ParseAll(data)
	}
	table, err := dmn.ParseJSON(data)
	if err != nil {
		return nil, err
	}
	return []*dmn.Table{table}, nil
}

// modelOf returns the number behind the last hyphen of a file's name, which is its
// model's id in APS; empty when there is none.
func modelOf(name string) string {
	base := strings.TrimSuffix(strings.TrimSuffix(path.Base(name), path.Ext(name)), ".dmn")
	number := base[strings.LastIndexByte(base, '-')+1:]
	if len(number) == len(base) || number == "" || strings.Trim(number, "0123456789") != "" {
		return ""
	}
	return number
}

// decisionFiles reads the decision tables of a deployment. It tells everything that is
// wrong with any of them.
func (d Deployment) decisionFiles() (files []decisionFile, wrong []string) {
	where := map[string]string{}
	for _, r := range d.Resources {
		if !isDecision(r.Name) {
			continue
		}
		tables, err := readTables(r.Name, r.Bytes)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %s", r.Name, fault.Message(err)))
			continue
		}
		for _, table := range tables {
			if other, twice := where[table.Key]; twice {
				wrong = append(wrong, fmt.Sprintf("%s: the decision table %q is in %s too", r.Name, table.Key, other))
			}
			where[table.Key] = r.Name
		}
		files = append(files, decisionFile{r.Name, modelOf(r.Name), tables})
	}
	return files, wrong
}

// decisionTables makes the next version of each decision table of a deployment.
func (c *command) decisionTables(d *Deployment, files []decisionFile) error {
	var rows [][]any
	for _, f := range files {
		for _, table := range f.tables {
			version, err := c.nextVersion("decision_tables", d.TenantID, table.Key)
			if err != nil {
				return err
			}
			rows = append(rows, []any{newID(), table.Key, version, or(table.Name, table.Key), f.model, d.ID, f.resource, d.TenantID})
		}
	}
	return c.insert("decision_tables", `id, key, version, name, model_id, deployment_id, resource, tenant_id`, rows, "")
}
