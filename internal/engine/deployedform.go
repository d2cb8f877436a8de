package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/store"
)

// DeployedForm is one version of a form.
type DeployedForm struct {
	ID           string
	Number       int64  // by which APS's clients name it
	Key          string // what formKey names
	Version      int
	Name         string
	DeploymentID string
	TenantID     string
	AppID        int64 // 0: its deployment is of no app
	AppNumber    int64 // of the app's deployment
	// JSON and Form are not there in lists.
	JSON []byte // as it was deployed
	Form *form.Form
}

const formColumns = `f.id, f.number, f.key, f.version, f.name, f.deployment_id, f.tenant_id, COALESCE(d.app_id, 0), COALESCE(d.id, 0)`

const fromForms = ` FROM forms f LEFT JOIN app_deployments d ON d.deployment_id = f.deployment_id`

func (f *DeployedForm) fields() []any {
	return []any{&f.ID, &f.Number, &f.Key, &f.Version, &f.Name, &f.DeploymentID, &f.TenantID, &f.AppID, &f.AppNumber}
}

// FormQuery says which deployed forms are meant. The zero value means all.
type FormQuery struct {
	Number       int64
	NameContains string // in any case
	AppID        int64  // of that app's newest deployment; 0: any
	DeploymentID string
	Latest       bool // of each key
	Tenant       Tenant

	Order Order // name (the default), id, version
	Page  Page
}

var formOrders = columnOrder{"name": "f.name", "id": "f.number", "version": "f.version"}

// Forms returns a page of deployed forms, without what they are made of, and how many
// there are.
func (e *Engine) Forms(ctx context.Context, fq FormQuery) ([]DeployedForm, int, error) {
	q := &query{}
	q.equal("f.deployment_id", fq.DeploymentID)
	q.contains("f.name", fq.NameContains)
	q.tenant("f.tenant_id", fq.Tenant)
	if fq.Number != 0 {
		q.Add(`f.number = ?`, fq.Number)
	}
	if fq.AppID != 0 {
		q.Add(`f.deployment_id = (SELECT a.deployment_id FROM app_deployments a WHERE a.app_id = ? ORDER BY a.id DESC LIMIT 1)`, fq.AppID)
	}
	if fq.Latest {
		q.Add(`f.version = (SELECT MAX(o.version) FROM forms o WHERE o.tenant_id = f.tenant_id AND o.key = f.key)`)
	}
	return list(ctx, e, q, formColumns, fromForms, fq.Order.clause(q, formOrders, `f.name, f.number`, "f.number"), fq.Page, scanInto((*DeployedForm).fields))
}

// Form returns a deployed form of a tenant by its number. Errors: NotFound.
func (e *Engine) Form(ctx context.Context, tenantID string, number int64) (*DeployedForm, error) {
	var found *DeployedForm
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		id, err := c.numbered(tenantID, number)
		if err == nil {
			found, err = c.deployedForm(id)
		}
		return err
	})
	return found, err
}

// numbered returns the id of a tenant's form by its number.
func (c *command) numbered(tenant string, number int64) (string, error) {
	id := ""
	err := c.tx.QueryRow(c.ctx, []any{&id}, `SELECT id FROM forms WHERE number = $1 AND tenant_id = $2`, number, tenant)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "There is no form %d.", number)
	}
	return id, err
}

// attachedKey begins the form key of a task that a form was attached to; the number of that
// form follows.
const attachedKey = "#"

// findForm fills in the form of that key: the very one that was attached, the deployment's
// own, or else the newest one.
func (c *command) findForm(data *FormData, key, deployment, tenant string) error {
	if data.Key = key; key == "" {
		return nil
	}
	query, args := `SELECT id FROM forms WHERE tenant_id = $1 AND key = $2 ORDER BY CASE WHEN deployment_id = $3 THEN 0 ELSE 1 END, version DESC LIMIT 1`, []any{tenant, key, deployment}
	if digits, attached := strings.CutPrefix(key, attachedKey); attached {
		if number, err := strconv.ParseInt(digits, 10, 64); err == nil {
			query, args = `SELECT id FROM forms WHERE tenant_id = $1 AND number = $2`, []any{tenant, number}
		}
	}
	id := ""
	err := c.tx.QueryRow(c.ctx, []any{&id}, query, args...)
	if errors.Is(err, store.ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.useForm(data, id)
}

func (c *command) useForm(data *FormData, id string) error {
	f, err := c.deployedForm(id)
	if err == nil {
		data.DeployedForm = *f
	}
	return err
}

// deployedForm returns a form by its id, read and parsed once.
func (c *command) deployedForm(id string) (*DeployedForm, error) {
	if f := c.e.forms.get(id); f != nil {
		return f, nil
	}
	f := &DeployedForm{}
	err := c.tx.QueryRow(c.ctx, append(f.fields(), &f.JSON), `SELECT `+formColumns+`, f.json`+fromForms+` WHERE f.id = $1`, id)
	if err != nil {
		return nil, fmt.Errorf("reading form %s: %w", id, err)
	}
	if f.Form, err = form.Parse(f.JSON); err != nil {
		return nil, err
	}
	c.e.forms.put(id, f)
	return f, nil
}

// asSubmitted fills in the form and the values that were submitted last where the condition
// holds, and reports whether there are any.
func (c *command) asSubmitted(data *FormData, condition, id string) (bool, error) {
	var formID, text string
	err := c.tx.QueryRow(c.ctx, []any{&formID, &text, &data.Outcome}, `SELECT s.form_id, s.content, s.outcome FROM submitted_forms s JOIN forms f ON f.id = s.form_id
		WHERE `+condition+` ORDER BY s.at DESC, s.id DESC LIMIT 1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &data.Values)
	}
	if err != nil {
		return false, fmt.Errorf("reading what was submitted in %s: %w", id, err)
	}
	return true, c.useForm(data, formID)
}

// besides adds, to what was submitted, the instance's variables that a form only shows: as
// they are, or were when the instance ended.
func (c *command) besides(data *FormData, instanceID string) error {
	shows := func(f *form.Field) bool { return f.Type == form.ReadOnly || f.Type == form.ReadOnlyText }
	if data.Form == nil || !slices.ContainsFunc(data.Form.Fields, shows) {
		return nil
	}
	return c.tx.Query(c.ctx, func(row store.Row) error {
		v, err := scanVariable(row)
		if err != nil {
			return err
		}
		if _, there := data.Values[v.Name]; !there {
			data.Values[v.Name] = v.Value
		}
		return nil
	}, `SELECT `+variableColumns+` FROM variables WHERE instance_id = $1 AND execution_id = $1 AND task_id = '' ORDER BY name LIMIT $2`, instanceID, MaxPage)
}

// InstanceStartForm returns the start form of an instance as it was submitted, or, when it
// was started without, its definition's with the instance's variables. Errors: NotFound,
// Forbidden.
func (e *Engine) InstanceStartForm(ctx context.Context, actor Actor, instanceID string) (*FormData, error) {
	inst, err := e.Instance(ctx, actor, instanceID)
	if err != nil {
		return nil, err
	}
	var data *FormData
	err = e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		def, err := e.definition(ctx, tx, inst.DefinitionID)
		if err != nil {
			return err
		}
		data = &FormData{Definition: &def.Definition, Values: map[string]any{}}
		if done, err := c.asSubmitted(data, `instance_id = $1 AND instance_id <> '' AND task_id = ''`, inst.ID); done || err != nil {
			return err
		}
		if data, err = c.startForm(def); err != nil || !inst.EndedAt.IsZero() {
			return err
		}
		running, err := c.read(inst.ID)
		if err == nil {
			data.Values, err = c.at(running.root).all()
		}
		return err
	})
	return data, err
}

// AttachForm gives an open task a form, by its number; 0 takes the form away that it has.
// Errors: NotFound, Forbidden.
func (e *Engine) AttachForm(ctx context.Context, actor Actor, taskID string, number int64) error {
	return e.change(ctx, actor, taskID, toUpdate, func(c *command, t *task) error {
		c.along(`DELETE FROM form_drafts WHERE task_id = $1`, t.ID)
		if number == 0 {
			t.FormKey = ""
			return nil
		}
		_, err := c.numbered(t.TenantID, number)
		t.FormKey = attachedKey + strconv.FormatInt(number, 10)
		return err
	})
}

// SweepDrafts takes away what was saved of forms whose task is not open any more: limit at
// most, and how many went.
func (e *Engine) SweepDrafts(ctx context.Context, limit int) (int64, error) {
	return e.db.Exec(ctx, `DELETE FROM form_drafts WHERE task_id IN (SELECT d.task_id FROM form_drafts d
		WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = d.task_id AND t.ended_at IS NULL) LIMIT $1)`, limit)
}

// reserve gives numbers of a sequence, of which it takes several at once: a transaction that
// took one itself would have others wait until it has ended. Those that a process has not
// given when it ends are lost.
type reserve struct {
	name      string
	lock      sync.Mutex
	next, end int64
}

// taken is how many numbers are taken at once.
const taken = 64

// take returns the next number. It must not be called inside a transaction.
func (n *reserve) take(ctx context.Context, db *store.DB) (int64, error) {
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.next == n.end {
		err := db.Write(ctx, func(tx *store.Tx) error {
			return tx.QueryRow(ctx, []any{&n.end}, `INSERT INTO sequences (name, value) VALUES ($1, $2)
				ON CONFLICT (name) DO UPDATE SET value = sequences.value + excluded.value RETURNING value`, n.name, taken)
		})
		if err != nil {
			n.end = n.next
			return 0, err
		}
		n.next = n.end - taken
	}
	n.next++
	return n.next, nil
}
