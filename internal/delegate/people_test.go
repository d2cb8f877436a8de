package delegate_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/delegate"
	"github.com/sluicehq/sluice/internal/engine"
)

var errStaff = errors.New("the directory is out of reach")

// persons are by id; bob's tenant is another one.
var persons = map[string]delegate.User{
	"7":  {ID: "7", FirstName: "Ann", LastName: "Lee", Email: "ann@example.com", GroupID: "10"},
	"8":  {ID: "8", FirstName: "Bob", LastName: "Day", Email: "bob@example.com", Tenant: "tenant_2", GroupID: "20"},
	"9":  {ID: "9", FirstName: "Cy", Email: "cy@example.com"},
	"12": {ID: "12", FirstName: "Di", Email: "admin@app.activiti.com"}, // whom a table of the exports names
}

func users(_ context.Context, id string) (delegate.User, bool, error) {
	u, ok := persons[id]
	if id == "broken" {
		return u, false, errStaff
	}
	return u, ok, nil
}

// staff is a directory with two levels of approvers, and a group of another tenant.
type staff struct{}

var groups = map[string]delegate.Group{
	"10": {ID: "10", Name: "Level 4", ExternalID: "L4", ParentID: "11", ManagerID: "7"},
	"11": {ID: "11", Name: "Level 3", ManagerID: "9"},
	"20": {ID: "20", Name: "Level 4"},
}

func tenantOf(id string) string {
	if id == "20" {
		return "tenant_2"
	}
	return ""
}

func (staff) UserByEmail(_ context.Context, tenant, email string) (delegate.User, bool, error) {
	if email == "broken" {
		return delegate.User{}, false, errStaff
	}
	for _, u := range persons {
		if u.Email == email && u.Tenant == tenant {
			return u, true, nil
		}
	}
	return delegate.User{}, false, nil
}

func (staff) Group(_ context.Context, tenant, id string) (delegate.Group, bool, error) {
	g, ok := groups[id]
	return g, ok && tenantOf(id) == tenant, nil
}

func (staff) GroupsNamed(_ context.Context, tenant, name string) (all []delegate.Group, err error) {
	for _, id := range []string{"10", "11", "20"} {
		if groups[id].Name == name && tenantOf(id) == tenant {
			all = append(all, groups[id])
		}
	}
	return all, nil
}

func (staff) Members(_ context.Context, tenant, id string) ([]delegate.User, error) {
	if id == "10" && tenant == "" {
		return []delegate.User{persons["9"], persons["7"]}, nil
	}
	return nil, nil
}

func TestPeopleInExpressions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, delegate.Config{Users: users, Directory: staff{}})
	for source, want := range map[string]any{
		"userService.findUserByEmail('ann@example.com').getId()":  int64(7),
		"userService.findUserByEmail('ann@example.com').fullName": "Ann Lee",
		"userService.findUserByEmail('bob@example.com')":          nil, // of another tenant
		"userService.findUser(7).getLastName()":                   "Lee",
		"userService.findUser(8)":                                 nil,
		"userService.findUser(99)":                                nil,
		"userInfoBean.getFirstName('7', execution)":               "Ann",
		"userInfoBean.getFullName(9)":                             "Cy",
		"userInfoBean.getEmail('8')":                              "",
		"userInfoBean.getCurrentUser().email":                     "ann@example.com",
		"userInfoBean.getPrimaryGroup('7').name":                  "Level 4",
		"userInfoBean.getPrimaryGroup('9')":                       nil,
		"userInfoBean.getPrimaryGroup('8')":                       nil,
		"emailBean.getEmailByUserId('8', execution)":              "",
		"emailBean.getProcessInitiator(execution)":                "ann@example.com",
		"groupServiceImpl.getGroup(10).getName()":                 "Level 4",
		"groupServiceImpl.getGroup('10').externalId":              "L4",
		"groupServiceImpl.getGroup(10).getParent().getId()":       int64(11),
		"groupServiceImpl.getGroup(11).getParentGroupId()":        nil,
		"groupServiceImpl.getGroup(11).parent":                    nil,
		"groupServiceImpl.getGroup(10).getUsers().size()":         int32(2),
		"groupServiceImpl.getGroup(10).users[0].email":            "cy@example.com",
		"groupServiceImpl.getGroup(20)":                           nil, // of another tenant
		"groupServiceImpl.getGroup('nobody')":                     nil,
		"groupServiceImpl.getGroup(groupServiceImpl.getGroup(10).getManagerGroupId()).getUsers().iterator().next().getId()": int64(7),
		"groupServiceImpl.getGroup('managers-of-20')":                                   nil,
		"groupServiceImpl.getFunctionalGroupsByNameAndTenantId('Level 4', 1).size()":    int32(1),
		"groupServiceImpl.getFunctionalGroupsByNameAndTenantId('Level 4', 2).get(0).id": int64(10), // its own tenant's all the same
		"groupServiceImpl.getFunctionalGroupsByName('Level 9').size()":                  int32(0),
	} {
		if got, err := w.value(source); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, %v; want %#v", source, got, err, want)
		}
	}
	for source, want := range map[string]string{
		"userService.findUserByEmail('broken')":                     errStaff.Error(),
		"userService.findUser('broken').id":                         errStaff.Error(),
		"userInfoBean.getPrimaryGroup('broken')":                    errStaff.Error(),
		"userService.deleteUser(7)":                                 "deleteUser",
		"userService.findUser()":                                    "findUser",
		"userService.findUser(7).getPassword()":                     "getPassword",
		"userService.findUser(7).delete()":                          "delete",
		"userService.findUser(7).class":                             "class",
		"groupServiceImpl.deleteGroup(10)":                          "deleteGroup",
		"groupServiceImpl.getGroup(10).getCapabilities()":           "getCapabilities",
		"groupServiceImpl.addUserToGroup(10, 7)":                    "addUserToGroup",
		"execution.setVariable('g', groupServiceImpl.getGroup(10))": "g",
	} {
		if got, err := w.value(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %#v, %v; want an error about %s", source, got, err, want)
		}
	}
	bare := newWorld(t, delegate.Config{})
	for _, source := range []string{"userService.findUserByEmail('a')", "userService.findUser(7)", "groupServiceImpl.getGroup(10)", "userInfoBean.getEmail(7)"} {
		if got, err := bare.value(source); err == nil || !strings.Contains(err.Error(), "this server knows no") {
			t.Errorf("without people %s is %#v, %v", source, got, err)
		}
	}
}

// value evaluates an expression in a process that Ann has started.
func (w *world) value(source string) (any, error) {
	w.t.Helper()
	body := `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t"><process id="v" isExecutable="true">
		<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="it"/><serviceTask id="it" activiti:expression="${` + strings.ReplaceAll(source, `"`, "&quot;") + `}" activiti:resultVariable="v"/>
		<sequenceFlow id="f2" sourceRef="it" targetRef="wait"/><userTask id="wait"/></process></definitions>`
	_, err := w.e.Deploy(context.Background(), engine.Actor{Admin: true}, engine.Deployment{Name: "v", Resources: []engine.Resource{{Name: "v.bpmn", Bytes: []byte(body)}}})
	w.must(err)
	inst, err := w.e.Start(context.Background(), engine.Actor{UserID: "7", Admin: true}, engine.StartOptions{Key: "v"})
	if err != nil {
		return nil, err
	}
	vars, err := w.e.Variables(context.Background(), inst.ID)
	return vars["v"], err
}
