package api

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"strings"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func (p *Processes) registerRepository() {
	p.handle("GET repository/deployments", p.listDeployments)
	p.with(deployCapability, "POST repository/deployments", p.deploy)
	p.handle("GET repository/deployments/{id}", p.deployment)
	p.with(deployCapability, "DELETE repository/deployments/{id}", p.deleteDeployment)
	p.handle("GET repository/deployments/{id}/resources", p.resources)
	p.handle("GET repository/deployments/{id}/resources/{name...}", p.resource)
	p.handle("GET repository/deployments/{id}/resourcedata/{name...}", p.resourceData)
	p.handle("GET repository/process-definitions", p.listDefinitions)
	p.handle("GET repository/process-definitions/{id}", p.definition)
	p.with(manageCapability, "PUT repository/process-definitions/{id}", p.changeDefinition)
	p.handle("GET repository/process-definitions/{id}/resourcedata", p.definitionData)
	p.handle("GET repository/process-definitions/{id}/image", p.definitionImage)
	p.handle("GET repository/process-definitions/{id}/identitylinks", p.definitionLinks)
}

type restDeployment struct {
	ID             string  `json:"id"`
	Name           string  `json:"name"`
	DeploymentTime stamp   `json:"deploymentTime"`
	Category       *string `json:"category"`
	Key            *string `json:"key"`
	URL            string  `json:"url"`
	TenantID       string  `json:"tenantId"`
}

func (v *visit) deployment(d *engine.Deployment) restDeployment {
	return restDeployment{ID: d.ID, Name: d.Name, DeploymentTime: stamp(d.DeployedAt), Category: orNil(d.Category), Key: orNil(d.Key),
		URL: v.address("repository", "deployments", d.ID), TenantID: d.TenantID}
}

func (p *Processes) listDeployments(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := reader{words: w}
	q := engine.DeploymentQuery{For: v.seen(), Name: w.text("name"), NameLike: w.text("nameLike"), Category: w.text("category"), NotCategory: w.text("categoryNotEquals"), Key: w.text("key"), Tenant: r.tenant(), Page: l.page()}
	if q.Order, err = l.sorted(map[string]string{"id": "id", "name": "name", "deployTime": "deployed", "tenantId": "tenant"}, "id"); err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Deployments(v.Context(), q)
	return tell(l, all, total, v.deployment), err
}

// deploy takes one file of a multipart body: a BPMN file, a .bar or an app's zip.
func (p *Processes) deploy(v *visit) (any, error) {
	v.Body = http.MaxBytesReader(nil, v.Body, p.most()+64<<10)
	parts, err := v.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Invalid, "Multipart request is required.")
	}
	fields, name, data, err := p.upload(parts)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fault.New(fault.Invalid, "Multipart request with file content is required.")
	}
	read, err := app.Read(name, data, p.limits)
	if err != nil {
		return nil, err
	}
	given := fields["deploymentName"]
	if given == "" {
		given = fields["name"]
	}
	done, err := p.engine.DeployApp(v.Context(), v.actor, read, engine.AppOptions{Name: given, Category: fields["category"], Key: fields["deploymentKey"], TenantID: fields["tenantId"]})
	if err != nil {
		return nil, err
	}
	return created{v.deployment(&done.Deployment)}, nil
}

// most is the largest file that may be deployed.
func (p *Processes) most() int64 { return maxArchive(p.limits) }

// upload reads the fields and the one file of a multipart body.
func (p *Processes) upload(parts *multipart.Reader) (fields map[string]string, name string, data []byte, err error) {
	fields = map[string]string{}
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, name, data, nil
		}
		if err != nil || n > 50 {
			return nil, "", nil, unread(err)
		}
		most := int64(maxEngineText)
		if part.FileName() != "" {
			most = p.most()
		}
		text, err := io.ReadAll(io.LimitReader(part, most+1))
		switch {
		case err != nil:
			return nil, "", nil, unread(err)
		case int64(len(text)) > most:
			return nil, "", nil, fault.New(fault.TooLarge, "The part %q is larger than %d bytes.", part.FormName(), most)
		case part.FileName() == "":
			fields[part.FormName()] = string(text)
		case data != nil:
			return nil, "", nil, fault.New(fault.Invalid, "One file is deployed at a time; put several into a zip.")
		default:
			name, data = part.FileName(), text
		}
	}
}

// unread is the fault of a body that could not be read to its end.
func unread(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.New(fault.TooLarge, "The body is larger than %d bytes.", large.Limit)
	}
	return fault.New(fault.Invalid, "The body is no multipart body that can be read.")
}

func (p *Processes) deployment(v *visit) (any, error) {
	d, err := p.engine.Deployment(v.Context(), v.actor, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return v.deployment(d), nil
}

func (p *Processes) deleteDeployment(v *visit) (any, error) {
	r := reader{words: words{"cascade": v.URL.Query().Get("cascade")}}
	cascade := r.is("cascade")
	if r.err != nil {
		return nil, r.err
	}
	return gone{}, p.engine.DeleteDeployment(v.Context(), v.actor, v.PathValue("id"), cascade)
}

type restResource struct {
	ID         string `json:"id"`
	URL        string `json:"url"`
	ContentURL string `json:"contentUrl"`
	MediaType  string `json:"mediaType"`
	Type       string `json:"type"`
}

func (v *visit) resource(deployment, name string) restResource {
	r := restResource{ID: name, URL: v.address("repository", "deployments", deployment, "resources", name), ContentURL: v.address("repository", "deployments", deployment, "resourcedata", name),
		MediaType: mediaOf(name), Type: "resource"}
	if strings.HasSuffix(name, ".bpmn20.xml") || strings.HasSuffix(name, ".bpmn") {
		r.Type = "processDefinition"
	}
	return r
}

// mediaOf is the type of a deployment's file; what runs in a browser is not among them.
func mediaOf(name string) string {
	switch path.Ext(name) {
	case ".xml", ".bpmn", ".dmn":
		return "text/xml"
	case ".json", ".form":
		return "application/json"
	case ".png":
		return "image/png"
	}
	return "application/octet-stream"
}

func (p *Processes) resources(v *visit) (any, error) {
	names, err := p.engine.ResourceNames(v.Context(), v.actor, v.PathValue("id"))
	list := make([]restResource, len(names))
	for i, name := range names {
		list[i] = v.resource(v.PathValue("id"), name)
	}
	return list, err
}

func (p *Processes) resource(v *visit) (any, error) {
	if _, err := p.engine.Resource(v.Context(), v.actor, v.PathValue("id"), v.PathValue("name")); err != nil {
		return nil, err
	}
	return v.resource(v.PathValue("id"), v.PathValue("name")), nil
}

func (p *Processes) resourceData(v *visit) (any, error) {
	data, err := p.engine.Resource(v.Context(), v.actor, v.PathValue("id"), v.PathValue("name"))
	return bytesOf(path.Base(v.PathValue("name")), mediaOf(v.PathValue("name")), data), err
}

func bytesOf(name, kind string, data []byte) stream {
	return stream{kind: kind, name: name, size: int64(len(data)), to: func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}

type restDefinition struct {
	ID                       string  `json:"id"`
	URL                      string  `json:"url"`
	Key                      string  `json:"key"`
	Version                  int     `json:"version"`
	Name                     string  `json:"name"`
	Description              *string `json:"description"`
	TenantID                 string  `json:"tenantId"`
	DeploymentID             string  `json:"deploymentId"`
	DeploymentURL            string  `json:"deploymentUrl"`
	Resource                 string  `json:"resource"`
	DiagramResource          *string `json:"diagramResource"`
	Category                 string  `json:"category"`
	GraphicalNotationDefined bool    `json:"graphicalNotationDefined"`
	Suspended                bool    `json:"suspended"`
	StartFormDefined         bool    `json:"startFormDefined"`
}

func (v *visit) definition(d *engine.Definition) restDefinition {
	return restDefinition{ID: d.ID, URL: v.address("repository", "process-definitions", d.ID), Key: d.Key, Version: d.Version, Name: d.Name, Description: orNil(d.Description),
		TenantID: d.TenantID, DeploymentID: d.DeploymentID, DeploymentURL: v.address("repository", "deployments", d.DeploymentID),
		Resource: v.address("repository", "deployments", d.DeploymentID, "resources", d.Resource), Category: d.Category, GraphicalNotationDefined: d.Diagram, Suspended: d.Suspended, StartFormDefined: d.StartForm}
}

func (p *Processes) listDefinitions(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := reader{words: w}
	q := engine.DefinitionQuery{For: v.seen(), Key: w.text("key"), KeyLike: w.text("keyLike"), Name: w.text("name"), NameLike: w.text("nameLike"), Category: w.text("category"), CategoryLike: w.text("categoryLike"),
		NotCategory: w.text("categoryNotEquals"), Resource: w.text("resourceName"), ResourceLike: w.text("resourceNameLike"), DeploymentID: w.text("deploymentId"), Latest: r.is("latest"),
		Suspended: r.truth("suspended"), Tenant: r.tenant(), Page: l.page()}
	if n := r.number("version"); n != nil {
		q.Version = *n
	}
	if user := w.text("startableByUser"); user != "" {
		if user != v.actor.UserID && !v.actor.Admin {
			return nil, fault.New(fault.Forbidden, "Only an administrator may ask for another user.")
		}
		q.StartableBy = &engine.Actor{UserID: user, TenantID: v.actor.TenantID, AllTenants: v.actor.AllTenants}
		if user == v.actor.UserID {
			q.StartableBy.Groups = v.actor.Groups
		}
	}
	q.Order, err = l.sorted(map[string]string{"name": "name", "id": "id", "key": "key", "category": "category", "deploymentId": "deployment", "version": "version", "tenantId": "tenant"}, "name")
	if err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Definitions(v.Context(), q)
	return tell(l, all, total, v.definition), err
}

func (p *Processes) definition(v *visit) (any, error) {
	d, err := p.engine.Definition(v.Context(), v.actor, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return v.definition(d), nil
}

// changeDefinition suspends or activates a definition; with includeProcessInstances its running
// instances too.
func (p *Processes) changeDefinition(v *visit) (any, error) {
	var body struct {
		Action                  string
		IncludeProcessInstances bool
	}
	if err := v.body(&body); err != nil {
		return nil, err
	}
	if body.Action != "suspend" && body.Action != "activate" {
		return nil, fault.New(fault.Invalid, "Invalid action: %q.", body.Action)
	}
	id, on := v.PathValue("id"), body.Action == "suspend"
	if err := p.engine.SuspendDefinition(v.Context(), v.actor, id, on); err != nil {
		return nil, err
	}
	if body.IncludeProcessInstances {
		if err := p.changeInstances(v, id, on); err != nil {
			return nil, err
		}
	}
	return p.definition(v)
}

// changeInstances suspends or activates all instances of a definition. One that has ended
// or was changed meanwhile is left alone.
func (p *Processes) changeInstances(v *visit, definition string, on bool) error {
	other := !on
	for {
		all, _, err := p.engine.Instances(v.Context(), engine.InstanceQuery{For: v.seen(), DefinitionID: definition, Suspended: &other, Page: engine.Page{Limit: engine.MaxPage}})
		if err != nil || len(all) == 0 {
			return err
		}
		changed := 0
		for _, i := range all {
			err := p.engine.SuspendInstance(v.Context(), v.actor, i.ID, on)
			if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
				return err
			}
			if err == nil {
				changed++
			}
		}
		if changed == 0 {
			return nil
		}
	}
}

func (p *Processes) definitionData(v *visit) (any, error) {
	d, err := p.engine.Definition(v.Context(), v.actor, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	data, err := p.engine.Resource(v.Context(), v.actor, d.DeploymentID, d.Resource)
	return bytesOf(path.Base(d.Resource), mediaOf(d.Resource), data), err
}

func (p *Processes) definitionImage(v *visit) (any, error) {
	svg, err := p.engine.DefinitionDiagram(v.Context(), v.actor, v.PathValue("id"))
	return file{kind: "image/svg+xml", bytes: svg}, err
}

func (p *Processes) definitionLinks(v *visit) (any, error) {
	if _, err := p.engine.Definition(v.Context(), v.actor, v.PathValue("id")); err != nil {
		return nil, err
	}
	links, err := p.engine.Links(v.Context(), "", "", v.PathValue("id"))
	return restLinks(links), err
}

type restLink struct {
	User  *string `json:"user"`
	Group *string `json:"group"`
	Type  string  `json:"type"`
}

func restLinks(links []engine.Link) []restLink {
	list := make([]restLink, len(links))
	for i, l := range links {
		list[i] = restLink{User: orNil(l.UserID), Group: orNil(l.GroupID), Type: l.Kind}
	}
	return list
}
