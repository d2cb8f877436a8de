package sluice_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// A model that was drawn on another server names people by their numbers there.
func TestPeopleOfModelsAreFoundByEMail(t *testing.T) {
	t.Parallel()
	srv := newServer(t, sluicetest.Administrator("boss@example.com", password), sluicetest.Config(allowBasic))
	who, err := srv.Admin.User(t.Context(), kermit)
	if err != nil {
		t.Fatal(err)
	}
	if a := basic(t, srv, "boss@example.com", http.MethodPost, "enterprise/admin/groups", `{"name":"Clerks","type":1,"status":"active"}`); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	source := `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" xmlns:modeler="http://activiti.com/modeler" targetNamespace="t">
	<process id="p" isExecutable="true"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="t"/>
	<userTask id="t" activiti:assignee="4711" activiti:candidateGroups="4712,4713"><extensionElements><modeler:assignee-info-email>` + strings.ToUpper(kermit) + `</modeler:assignee-info-email>
	<modeler:group-info-name-4712>Clerks</modeler:group-info-name-4712><modeler:group-info-name-4713>clerks</modeler:group-info-name-4713></extensionElements></userTask></process></definitions>`
	deployed, err := srv.Admin.DeployFS(t.Context(), "p", fstest.MapFS{"p.bpmn": {Data: []byte(source)}}, sluice.NewApp{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{`t: nobody here is known as "clerks": the group stays the number 4713`}; !slices.Equal(deployed.Warnings, want) {
		t.Errorf("%q", deployed.Warnings)
	}
	if a := basic(t, srv, kermit, http.MethodPost, "runtime/process-instances", `{"processDefinitionKey":"p"}`); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	a := basic(t, srv, kermit, http.MethodGet, "runtime/tasks", "")
	number := strconv.FormatInt(who.ID, 10)
	if !strings.Contains(string(a.Body), `"assignee":"`+number+`"`) {
		t.Errorf("%s, want %s", a.Body, number)
	}
}

// basic calls an operation below /activiti-app/api/ as a user who gives his password.
func basic(t *testing.T, srv *sluicetest.Server, user, method, operation, body string) sluicetest.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/activiti-app/api/"+operation, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, password)
	r.Header.Set("Content-Type", "application/json")
	return srv.Do(t, r)
}

// allowBasic lets users of the API give their password with each call.
func allowBasic(c *sluice.Config) {
	yes := true
	c.Bearer.BasicAuth = &yes
}
