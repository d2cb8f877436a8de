package sluice_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing/fstest"

	"github.com/sluicehq/sluice"
)

// order is a process whose service task runs code of the program, and whose gateway asks
// an object of it.
const order = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="shop">
<process id="order" isExecutable="true">
	<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="price"/>
	<serviceTask id="price" activiti:delegateExpression="${priceOrder}"/><sequenceFlow id="f2" sourceRef="price" targetRef="large"/>
	<exclusiveGateway id="large" default="f4"/>
	<sequenceFlow id="f3" sourceRef="large" targetRef="approve"><conditionExpression>${limits.exceededBy(total)}</conditionExpression></sequenceFlow>
	<userTask id="approve" name="Approve the order" activiti:assignee="$INITIATOR"/>
	<sequenceFlow id="f4" sourceRef="large" targetRef="end"/><sequenceFlow id="f5" sourceRef="approve" targetRef="end"/><endEvent id="end"/>
</process></definitions>`

// limits is an object that expressions ask: its properties and methods are those that it
// names itself.
type limits struct{ order int64 }

func (limits) Property(string) (any, bool, error) { return nil, false, nil }

func (l limits) Call(method string, args []any) (any, error) {
	total, ok := args[0].(int64)
	if method != "exceededBy" || len(args) != 1 || !ok {
		return nil, fmt.Errorf("limits has exceededBy(total) only")
	}
	return total > l.order, nil
}

// Processes call what the program has registered by name.
func ExampleWithDelegate() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sluice")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cfg := sluice.DefaultConfig()
	cfg.Data = dir
	passwords := true // so that this example needs no token
	cfg.Bearer.BasicAuth = &passwords
	server, err := sluice.New(ctx, cfg, sluice.WithLog(slog.New(slog.DiscardHandler)),
		sluice.WithDelegate("priceOrder", sluice.DelegateFunc(func(_ context.Context, x *sluice.Execution) error {
			pieces, _, err := x.Variable("pieces")
			if err != nil {
				return err
			}
			n, ok := pieces.(int32)
			if !ok || n < 1 {
				return &sluice.BPMNError{Code: "noPieces"}
			}
			return x.Set("total", int64(n)*250)
		})),
		sluice.WithBean("limits", limits{order: 1000}))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Admin().CreateUser(ctx, sluice.NewUser{Email: "kermit@example.com", Password: "it's not easy", Admin: true}); err != nil {
		log.Fatal(err)
	}
	deployed, err := server.Admin().DeployFS(ctx, "shop", fstest.MapFS{"order.bpmn20.xml": {Data: []byte(order)}}, sluice.NewApp{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(deployed.Processes[0].Key, deployed.Processes[0].Version, deployed.Warnings)

	for _, pieces := range []string{"3", "5"} {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/activiti-app/api/runtime/process-instances",
			strings.NewReader(`{"processDefinitionKey":"order","variables":[{"name":"pieces","type":"integer","value":`+pieces+`}]}`))
		r.SetBasicAuth("kermit@example.com", "it's not easy")
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		server.Handler().ServeHTTP(answer, r)
		fmt.Println(pieces, "pieces:", answer.Code, "done:", strings.Contains(answer.Body.String(), `"completed":true`))
	}
	// Output:
	// order 1 []
	// 3 pieces: 201 done: true
	// 5 pieces: 201 done: false
}
