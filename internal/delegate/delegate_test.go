package delegate_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/delegate"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// world is an engine with the delegates, and what its log says.
type world struct {
	t   *testing.T
	db  *store.DB
	e   *engine.Engine
	log *bytes.Buffer
	now time.Time
}

func newWorld(t *testing.T, cfg delegate.Config) *world {
	t.Helper()
	delegates, beans, err := delegate.Defaults(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: storetest.Open(t), log: &bytes.Buffer{}, now: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)}
	w.e, err = engine.New(w.db, engine.Config{Delegates: delegates, Beans: beans, Retries: 1, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.e.Close() })
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// run deploys a process with one activity "it" between start and a user task, starts it
// and runs its jobs. It returns the instance.
func (w *world) run(activity string, vars map[string]any) string {
	w.t.Helper()
	body := `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" xmlns:flowable="http://flowable.org/bpmn"
		xmlns:modeler="http://activiti.com/modeler" targetNamespace="t"><process id="p" isExecutable="true"><startEvent id="start"/>
		<sequenceFlow id="f1" sourceRef="start" targetRef="it"/>` + activity + `<sequenceFlow id="f2" sourceRef="it" targetRef="wait"/><userTask id="wait"/>
		<boundaryEvent id="b" attachedToRef="it"><errorEventDefinition errorRef="HTTP404"/></boundaryEvent><sequenceFlow id="f3" sourceRef="b" targetRef="caught"/><userTask id="caught"/></process></definitions>`
	_, err := w.e.Deploy(context.Background(), engine.Actor{Admin: true}, engine.Deployment{Name: "p", Resources: []engine.Resource{{Name: "p.bpmn", Bytes: []byte(body)}}})
	w.must(err)
	inst, err := w.e.Start(context.Background(), engine.Actor{UserID: "7", Admin: true}, engine.StartOptions{Key: "p", Variables: vars})
	w.must(err)
	_, err = w.e.RunDue(context.Background())
	w.must(err)
	return inst.ID
}

// task returns the key of the one open task; empty when there is none.
func (w *world) task() (key string) {
	w.t.Helper()
	w.must(w.db.Query(context.Background(), func(row store.Row) error { return row.Scan(&key) }, `SELECT key FROM tasks WHERE ended_at IS NULL`))
	return key
}

// dead returns the id and message of the one dead job.
func (w *world) dead() (id, message string) {
	w.t.Helper()
	w.must(w.db.QueryRow(context.Background(), []any{&id, &message}, `SELECT id, message FROM jobs WHERE queue = 'dead'`))
	return id, message
}

// service is an HTTP server that remembers what it was asked.
type service struct {
	*httptest.Server
	lock  sync.Mutex
	asked []*http.Request
	sent  []string
}

func newService(t *testing.T, handler http.HandlerFunc) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.lock.Lock()
		s.asked, s.sent = append(s.asked, r), append(s.sent, string(body))
		s.lock.Unlock()
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// local lets calls go to this machine.
func local(s *service) delegate.Calls {
	return delegate.Calls{Allow: []string{s.URL}, Private: []string{"127.0.0.0/8"}}
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

func field(name, text string) string {
	return `<activiti:field name="` + name + `"><activiti:string><![CDATA[` + text + `]]></activiti:string></activiti:field>`
}

func expression(name, text string) string {
	return `<flowable:field name="` + name + `"><flowable:expression><![CDATA[` + text + `]]></flowable:expression></flowable:field>`
}

func restCall(extensions string) string {
	return `<serviceTask id="it" activiti:delegateExpression="${activiti_restCallDelegate}"><extensionElements>` + extensions + `</extensionElements></serviceTask>`
}

func TestRestCallMapsRequestAndAnswer(t *testing.T) {
	t.Parallel()
	s := newService(t, says(`{"order":{"id":12345678901,"lines":[{"sku":"a-1"}],"paid":true}}`))
	w := newWorld(t, delegate.Config{Calls: local(s)})
	id := w.run(restCall(field("restUrl", s.URL+"/orders/${number}")+field("httpMethod", "POST")+
		field("requestMappingJSONTemplate", `{"who":"${customer}","note":"for ${customer}!","sum":${sum},"gone":${nobody},"data":${data}}`)+
		`<modeler:request-headers><modeler:request-header modeler:name="X-Trace" modeler:value="t-${number}"/></modeler:request-headers>
		<modeler:response-mapping modeler:propertyName="order.id" modeler:variableName="orderId"/><modeler:response-mapping modeler:propertyName="order.lines[0].sku" modeler:variableName="sku"/>
		<modeler:response-mapping modeler:propertyName="order.missing" modeler:variableName="missing"/>`),
		map[string]any{"number": int32(7), "customer": "A \"B\" ${1+1}\n", "sum": 2.5, "data": map[string]any{"k": []any{"v"}}})
	if w.task() != "wait" || len(s.asked) != 1 {
		t.Fatalf("at %q after %d calls", w.task(), len(s.asked))
	}
	r := s.asked[0]
	if r.Method != "POST" || r.URL.Path != "/orders/7" || r.Header.Get("X-Trace") != "t-7" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("asked %s %s %v", r.Method, r.URL, r.Header)
	}
	// What a variable holds is data: ${1+1} arrives as it is.
	want := `{"who":"A \"B\" ${1+1}\n","note":"for A \"B\" ${1+1}\n!","sum":2.5,"gone":null,"data":{"k":["v"]}}`
	if s.sent[0] != want {
		t.Errorf("sent %s\nwant %s", s.sent[0], want)
	}
	vars, err := w.e.Variables(context.Background(), id)
	w.must(err)
	if vars["orderId"] != int64(12345678901) || vars["sku"] != "a-1" || vars["missing"] != nil {
		t.Errorf("variables %v", vars)
	}
}

func TestRestCallSendsItsMappingAsQuery(t *testing.T) {
	t.Parallel()
	s := newService(t, says(``))
	w := newWorld(t, delegate.Config{Calls: delegate.Calls{Allow: []string{s.URL}, Private: []string{"127.0.0.0/8"},
		Endpoints: map[string]delegate.Endpoint{"crm": {URL: s.URL + "/base/", User: "u", Password: "geheim"}}}})
	w.run(restCall(field("baseEndpointName", "crm")+field("restUrl", "/find")+field("httpMethod", "GET")+
		`<modeler:request-mapping modeler:propertyName="q" modeler:variableName="what"/><modeler:request-mapping modeler:propertyName="max" modeler:staticValue="10"/>`), map[string]any{"what": "a&b=${c}"})
	r := s.asked[0]
	if got := r.URL.RequestURI(); got != "/base/find?max=10&q=a%26b%3D%24%7Bc%7D" {
		t.Errorf("asked %s", got)
	}
	if user, password, _ := r.BasicAuth(); user != "u" || password != "geheim" {
		t.Errorf("signed in as %q %q", user, password)
	}
}

// A call that failed and is tried again has the same key, and nothing secret is told.
func TestCallIsRepeatedWithItsKey(t *testing.T) {
	t.Parallel()
	status := http.StatusServiceUnavailable
	s := newService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	w := newWorld(t, delegate.Config{Calls: local(s)})
	w.run(restCall(field("restUrl", s.URL+"/x?token=geheim")+`<modeler:request-header modeler:name="Authorization" modeler:value="Bearer geheim"/>`), nil)
	id, message := w.dead()
	if !strings.Contains(message, "503") || strings.Contains(message+w.log.String(), "geheim") {
		t.Errorf("message %q, log %q", message, w.log)
	}
	status = http.StatusOK
	w.must(w.e.MoveJob(context.Background(), engine.Actor{Admin: true}, id))
	_, err := w.e.RunDue(context.Background())
	w.must(err)
	if w.task() != "wait" || len(s.asked) != 2 {
		t.Fatalf("at %q after %d calls", w.task(), len(s.asked))
	}
	first, second := s.asked[0].Header.Get("Idempotency-Key"), s.asked[1].Header.Get("Idempotency-Key")
	if first == "" || first != second || first != id {
		t.Errorf("keys %q and %q of job %q", first, second, id)
	}
	s.Close()
	w2 := newWorld(t, delegate.Config{Calls: local(s)})
	w2.run(restCall(field("restUrl", s.URL+"/x?token=geheim")), nil)
	if _, message := w2.dead(); strings.Contains(message+w2.log.String(), "geheim") || !strings.Contains(message, "calling 127.0.0.1") {
		t.Errorf("message %q, log %q", message, w2.log)
	}
}

func TestHTTPTask(t *testing.T) {
	t.Parallel()
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/none" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, `{"n":1}`)
	})
	task := func(path, more string) string {
		return `<serviceTask id="it" flowable:type="http"><extensionElements>` + field("requestMethod", "PUT") + expression("requestUrl", s.URL+path) + field("requestHeaders", "Accept: text/x\nX-A: b") +
			expression("requestBody", "${body}") + field("saveResponseParameters", "true") + more + `</extensionElements></serviceTask>`
	}
	w := newWorld(t, delegate.Config{Calls: local(s)})
	id := w.run(task("/some", field("saveResponseVariableAsJson", "true")), map[string]any{"body": "${secret}"})
	vars, err := w.e.Variables(context.Background(), id)
	w.must(err)
	if w.task() != "wait" || vars["itResponseStatusCode"] != int32(200) || s.sent[0] != "${secret}" || s.asked[0].Header.Get("X-A") != "b" {
		t.Errorf("at %q, variables %v, sent %q", w.task(), vars, s.sent[0])
	}
	w = newWorld(t, delegate.Config{Calls: local(s)})
	w.run(task("/none", field("handleStatusCodes", "4XX")), map[string]any{"body": ""})
	if w.task() != "caught" {
		t.Errorf("at %q, want the boundary event of HTTP404", w.task())
	}
	w = newWorld(t, delegate.Config{Calls: local(s)})
	w.run(task("/none", field("failStatusCodes", "404, 5XX")), map[string]any{"body": ""})
	if _, message := w.dead(); !strings.Contains(message, "404") {
		t.Errorf("message %q", message)
	}
}

func TestCallsGoWhereTheyMay(t *testing.T) {
	t.Parallel()
	s := newService(t, says(`{}`))
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		calls delegate.Calls
		url   string
		says  string
	}{
		"not listed":            {delegate.Calls{Allow: []string{"https://*"}, Private: []string{"127.0.0.0/8"}}, s.URL, "not allowed"},
		"nothing listed":        {delegate.Calls{Private: []string{"127.0.0.0/8"}}, s.URL, "not allowed"},
		"another port":          {delegate.Calls{Allow: []string{"http://127.0.0.1:1"}, Private: []string{"127.0.0.0/8"}}, s.URL, "not allowed"},
		"private":               {delegate.Calls{Allow: []string{s.URL}}, s.URL, "is private"},
		"a name for it":         {delegate.Calls{Allow: []string{"http://localhost:" + port}}, "http://localhost:" + port, "is private"},
		"mapped":                {delegate.Calls{Allow: []string{"http://[::ffff:127.0.0.1]:" + port}}, "http://[::ffff:127.0.0.1]:" + port, "is private"},
		"a user in the address": {local(s), "http://a:b@" + s.Listener.Addr().String(), "has a user"},
		"another scheme":        {local(s), "file:///etc/passwd", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := call(t, tc.calls, tc.url)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v, want one that says %q", err, tc.says)
			}
		})
	}
	if err := call(t, local(s), s.URL); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
}

// call runs a REST call without a process that reads its answer; the error is that of
// whatever refused it.
func call(t *testing.T, calls delegate.Calls, address string) error {
	t.Helper()
	w := newWorld(t, delegate.Config{Calls: calls})
	delegates, _, err := delegate.Defaults(delegate.Config{Calls: calls})
	w.must(err)
	o := delegates["activiti_restCallDelegate"].(engine.Outside)
	text := `{"Method":"GET","URL":"` + address + `"}`
	if _, err := o.Call(context.Background(), "k", text); err != nil {
		return err
	}
	return nil
}

func TestRedirectsStayOnTheHost(t *testing.T) {
	t.Parallel()
	other := newService(t, says(`{}`))
	s := newService(t, func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{"/same": "/there", "/away": other.URL + "/there"}[r.URL.Path]
		if to != "" {
			http.Redirect(w, r, to, http.StatusFound)
		}
	})
	calls := local(s)
	calls.Allow = append(calls.Allow, other.URL)
	w := newWorld(t, delegate.Config{Calls: calls})
	w.run(restCall(field("restUrl", s.URL+"/away")), nil)
	if _, message := w.dead(); !strings.Contains(message, "302") || len(other.asked) != 0 {
		t.Errorf("message %q, the other host was asked %d times", message, len(other.asked))
	}
	w = newWorld(t, delegate.Config{Calls: calls})
	w.run(restCall(field("restUrl", s.URL+"/same")), nil)
	if w.task() != "wait" {
		t.Errorf("at %q after a redirect on the host", w.task())
	}
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	s := newService(t, says(strings.Repeat("x", 101)))
	calls := local(s)
	calls.MaxAnswer = 100
	if err := call(t, calls, s.URL); err == nil || !strings.Contains(err.Error(), "more than 100 bytes") {
		t.Errorf("error %v", err)
	}
	calls.MaxAnswer = 101
	if err := call(t, calls, s.URL); err != nil {
		t.Errorf("just as long as is allowed: %v", err)
	}
	hang := newService(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	calls = local(hang)
	calls.Timeout = 50 * time.Millisecond
	if err := call(t, calls, hang.URL); err == nil {
		t.Error("a call that nobody answers does not end")
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	for _, cfg := range []delegate.Config{{Calls: delegate.Calls{Allow: []string{"ftp://x"}}}, {Calls: delegate.Calls{Allow: []string{"a*b"}}}, {Calls: delegate.Calls{Private: []string{"10"}}},
		{Calls: delegate.Calls{Endpoints: map[string]delegate.Endpoint{"e": {URL: "x"}}}}, {Mail: delegate.Mail{TLS: "some"}}, {Mail: delegate.Mail{From: "nobody"}}} {
		if _, _, err := delegate.Defaults(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

// sink is an SMTP server that keeps what it gets.
type sink struct {
	lock  sync.Mutex
	mails []sunk
}

type sunk struct {
	from string
	to   []string
	text string
}

type session struct {
	s   *sink
	got sunk
}

func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{s: s}, nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.got.from = from; return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.got.to = append(s.got.to, to)
	return nil
}
func (s *session) Reset()        { s.got = sunk{} }
func (s *session) Logout() error { return nil }
func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.got.text = string(data)
	s.s.lock.Lock()
	s.s.mails = append(s.s.mails, s.got)
	s.s.lock.Unlock()
	return err
}

func newSink(t *testing.T) (*sink, delegate.Mail) {
	t.Helper()
	s := &sink{}
	server := smtp.NewServer(s)
	server.Domain = "localhost"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return s, delegate.Mail{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, TLS: "none", From: "Sluice <sluice@example.com>", Timeout: 5 * time.Second}
}

func mailTask(fields string) string {
	return `<serviceTask id="it" activiti:type="mail"><extensionElements>` + fields + `</extensionElements></serviceTask>`
}

func TestMail(t *testing.T) {
	t.Parallel()
	s, cfg := newSink(t)
	w := newWorld(t, delegate.Config{Mail: cfg})
	w.run(mailTask(expression("to", "${who}")+field("cc", "c@example.com; d@example.com")+field("bcc", "secret@example.com")+field("subject", "Grüße")+field("textVar", "letter")+
		field("html", "<b>hi</b>")), map[string]any{"who": "Anna <a@example.com>", "letter": "Total ${1+1}"})
	if w.task() != "wait" || len(s.mails) != 1 {
		t.Fatalf("at %q with %d mails, log %s", w.task(), len(s.mails), w.log)
	}
	got := s.mails[0]
	if diff := cmp.Diff([]string{"a@example.com", "c@example.com", "d@example.com", "secret@example.com"}, got.to); diff != "" || got.from != "sluice@example.com" {
		t.Errorf("from %s, recipients (-want +got):\n%s", got.from, diff)
	}
	for _, part := range []string{"Total ${1+1}", "<b>hi</b>", "Message-ID: <", "@example.com>", "Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe?="} {
		if !strings.Contains(got.text, part) {
			t.Errorf("no %q in\n%s", part, got.text)
		}
	}
	if strings.Contains(got.text, "secret@example.com") {
		t.Error("the mail tells of its hidden recipient")
	}
}

// A mail whose server does not offer TLS is not sent unless the operator says so, and
// lines in a subject or recipient make no headers.
func TestMailIsRefused(t *testing.T) {
	t.Parallel()
	s, cfg := newSink(t)
	strict := cfg
	strict.TLS, strict.Password, strict.User = "", "geheim", "u"
	w := newWorld(t, delegate.Config{Mail: strict})
	w.run(mailTask(field("to", "a@example.com")+field("text", "x")), nil)
	if _, message := w.dead(); len(s.mails) != 0 || strings.Contains(message+w.log.String(), "geheim") {
		t.Errorf("message %q, %d mails", message, len(s.mails))
	}
	w = newWorld(t, delegate.Config{})
	w.run(mailTask(field("to", "a@example.com")+field("from", "b@example.com")+field("text", "x")), nil)
	if _, message := w.dead(); !strings.Contains(message, "sluice.mail.host") {
		t.Errorf("message %q", message)
	}
	for _, vars := range []map[string]any{{"subject": "a\r\nBcc: x@example.com", "to": "a@example.com"}, {"subject": "a", "to": "a@example.com\r\nBcc: x@example.com"}, {"subject": "a", "to": ""}} {
		w = newWorld(t, delegate.Config{Mail: cfg})
		body := mailTask(expression("to", "${to}") + expression("subject", "${subject}") + field("text", "x"))
		_, err := w.e.Deploy(context.Background(), engine.Actor{Admin: true}, engine.Deployment{Name: "p", Resources: []engine.Resource{{Name: "p.bpmn", Bytes: []byte(
			`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" xmlns:flowable="http://flowable.org/bpmn" targetNamespace="t"><process id="p" isExecutable="true">
			<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="it"/>` + body + `</process></definitions>`)}}})
		w.must(err)
		if _, err := w.e.Start(context.Background(), engine.Actor{Admin: true}, engine.StartOptions{Key: "p", Variables: vars}); err == nil || len(s.mails) != 0 {
			t.Errorf("%q: started, %d mails", vars, len(s.mails))
		}
	}
}

func TestBeans(t *testing.T) {
	t.Parallel()
	users := func(_ context.Context, id string) (delegate.User, bool, error) {
		return delegate.User{ID: id, FirstName: "Anna", LastName: "No" + id, Email: id + "@example.com"}, true, nil
	}
	w := newWorld(t, delegate.Config{Users: users})
	var body strings.Builder
	for expression, name := range map[string]string{
		"activiti_flowConditionsBean.exists(execution, 'customer')": "a", "activiti_flowConditionsBean.exists(execution, 'nobody')": "b",
		"activiti_flowConditionsBean.exists(execution, 'customer.name')": "c", "activiti_flowConditionsBean.exists(execution, 'customer.none')": "d",
		"userInfoBean.getEmail(5, execution)": "e", "userInfoBean.getFullName('5', execution)": "f", "userInfoBean.getCurrentUser().lastName": "g",
		"emailBean.getEmailByUserId(6, execution)": "h", "emailBean.getProcessInitiator(execution)": "i", "userInfoBean.getUser(5, execution).firstName": "j",
	} {
		body.WriteString(`<activiti:executionListener event="start" expression="${execution.setVariable('` + name + `', ` + expression + `)}"/>`)
	}
	id := w.run(`<manualTask id="it"><extensionElements>`+body.String()+`</extensionElements></manualTask>`, map[string]any{"customer": map[string]any{"name": "x"}})
	got, err := w.e.Variables(context.Background(), id)
	w.must(err)
	delete(got, "customer")
	want := map[string]any{"a": true, "b": false, "c": true, "d": false, "e": "5@example.com", "f": "Anna No5", "g": "No7", "h": "6@example.com", "i": "7@example.com", "j": "Anna"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}
