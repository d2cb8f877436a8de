package bpmn_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// userTask and service stand where any activity may.
const (
	userTask = `<userTask id="u"/>`
	timer    = `<timerEventDefinition><timeDuration>PT1S</timeDuration></timerEventDefinition>`
)

// flows joins nodes by sequence flows: flows("a-b b-c").
func flows(pairs string) string {
	var b strings.Builder
	for _, pair := range strings.Fields(pairs) {
		from, to, _ := strings.Cut(pair, "-")
		fmt.Fprintf(&b, `<sequenceFlow id="%s" sourceRef="%s" targetRef="%s"/>`, pair, from, to)
	}
	return b.String()
}

// Each document has the one error that is named, on the element that is named.
var errorCases = map[string]struct{ text, name, element string }{
	"nothing executable":          {wrap(`<process id="p" isExecutable="false"/>`), "activiti-process-definition-not-executable", ""},
	"no process":                  {wrap(``), "activiti-process-definition-not-executable", ""},
	"process without id":          {wrap(`<process><startEvent id="s"/></process>`), "bpmn-process-missing-id", ""},
	"two processes of one id":     {wrap(`<process id="p"/><process id="p"/>`), "bpmn-duplicate-id", "p"},
	"two nodes of one id":         {in(`<userTask id="start"/>`), "bpmn-duplicate-id", "start"},
	"flow of a node's id":         {in(`<sequenceFlow id="start" sourceRef="start" targetRef="start"/>`), "bpmn-duplicate-id", "start"},
	"node id too long":            {in(`<userTask id="` + strings.Repeat("x", 256) + `"/>`), "activiti-flow-element-id-too-long", strings.Repeat("x", 255) + "…"},
	"process id too long":         {wrap(`<process id="` + strings.Repeat("x", 256) + `"/>`), "activiti-process-definition-id-too-long", strings.Repeat("x", 255) + "…"},
	"process name too long":       {wrap(`<process id="p" name="` + strings.Repeat("x", 256) + `"/>`), "activiti-process-definition-name-too-long", "p"},
	"documentation too long":      {wrap(`<process id="p"><documentation>` + strings.Repeat("x", 2001) + `</documentation></process>`), "activiti-process-definition-documentation-too-long", "p"},
	"namespace too long":          {strings.Replace(in(``), `targetNamespace="t"`, `targetNamespace="`+strings.Repeat("x", 256)+`"`, 1), "activiti-bpmn-model-target-namespace-too-long", ""},
	"unknown source":              {in(userTask + flows("nobody-u")), "activiti-seq-flow-invalid-src", "nobody-u"},
	"unknown target":              {in(flows("start-nobody")), "activiti-seq-flow-invalid-target", "start-nobody"},
	"target in another scope":     {in(`<subProcess id="s"><startEvent id="i"/></subProcess>` + flows("start-i")), "activiti-seq-flow-invalid-target", "start-i"},
	"unknown default":             {in(`<userTask id="u" default="nobody"/>`), "bpmn-unknown-reference", "u"},
	"two starts":                  {in(`<startEvent id="second"/><startEvent id="third">` + timer + `</startEvent>`), "activiti-start-event-multiple-found", "start second"},
	"event listener":              {wrap(`<process id="p"><extensionElements><activiti:eventListener events="TASK_CREATED"/></extensionElements></process>`), "activiti-event-listener-implementation-missing", "p"},
	"event listener that throws":  {wrap(`<process id="p"><extensionElements><activiti:eventListener throwEvent="tantrum"/></extensionElements></process>`), "activiti-event-listener-invalid-throw-event-type", "p"},
	"start by escalation":         {wrap(`<process id="p"><startEvent id="s"><escalationEventDefinition/></startEvent></process>`), "activiti-start-event-invalid-event-definition", "s"},
	"task listener":               {in(`<userTask id="u"><extensionElements><activiti:taskListener event="create"/></extensionElements></userTask>`), "activiti-usertask-listener-implementation-missing", "u"},
	"execution listener":          {in(`<userTask id="u"><extensionElements><activiti:executionListener event="end"/></extensionElements></userTask>`), "activiti-execution-listener-implementation-missing", "u"},
	"service":                     {in(`<serviceTask id="u"/>`), "activiti-servicetask-missing-implementation", "u"},
	"service type":                {in(`<serviceTask id="u" activiti:type="telepathy"/>`), "activiti-servicetask-invalid-type", "u"},
	"service result":              {in(`<serviceTask id="u" activiti:class="x.Y" activiti:resultVariable="r"/>`), "activiti-servicetask-result-var-name-with-delegate", "u"},
	"service operation":           {in(`<serviceTask id="u" operationRef="none"/>`), "activiti-servicetask-webservice-invalid-operation-ref", "u"},
	"send":                        {in(`<sendTask id="u"/>`), "activiti-sendtask-invalid-implementation", "u"},
	"send type":                   {in(`<sendTask id="u" activiti:type="telepathy"/>`), "activiti-sendtask-invalid-type", "u"},
	"send operation":              {in(`<sendTask id="u" operationRef="none"/>`), "activiti-send-webservice-invalid-operation-ref", "u"},
	"mail to nobody":              {in(mail(`<activiti:field name="text" stringValue="x"/>`)), "activiti-mailtask-no-recipient", "u"},
	"mail about nothing":          {in(mail(`<activiti:field name="to" stringValue="x"/>`)), "activiti-mailtask-no-content", "u"},
	"shell":                       {in(`<serviceTask id="u" activiti:type="shell"/>`), "activiti-shelltask-no-command", "u"},
	"shell parameter":             {in(`<serviceTask id="u" activiti:type="shell"><extensionElements><activiti:field name="command" stringValue="ls"/><activiti:field name="wait" stringValue="maybe"/></extensionElements></serviceTask>`), "activiti-shelltask-invalid-param", "u"},
	"decision":                    {in(`<serviceTask id="u" activiti:type="dmn"/>`), "activiti-dmntask-no-decision-table-key", "u"},
	"script":                      {in(`<scriptTask id="u" scriptFormat="javascript"><script> </script></scriptTask>`), "activiti-scripttask-missing-script", "u"},
	"call":                        {in(`<callActivity id="u"/>`), "activiti-call-activity-missing-called-element", "u"},
	"mapping":                     {in(`<callActivity id="u" calledElement="x"><extensionElements><activiti:in source="a"/></extensionElements></callActivity>`), "bpmn-mapping-missing-target", "u"},
	"multi-instance":              {in(`<userTask id="u"><multiInstanceLoopCharacteristics/></userTask>`), "activiti-multi-instance-missing-collection", "u"},
	"data association":            {in(`<userTask id="u"><dataInputAssociation/></userTask>`), "activiti-data-association-missing-targetref", "u"},
	"data object without name":    {in(`<dataObject id="d" itemSubjectRef="xsd:string"/>`), "activiti-data-object-missing-name", "d"},
	"data object of another type": {in(`<dataObject id="d" name="n" itemSubjectRef="xsd:int"><extensionElements><activiti:value>x</activiti:value></extensionElements></dataObject>`), "bpmn-data-object-invalid-value", "d"},
	"priority":                    {in(`<userTask id="u" activiti:priority="high"/>`), "bpmn-usertask-invalid-priority", "u"},
	"form property":               {in(`<userTask id="u"><extensionElements><activiti:formProperty name="x"/></extensionElements></userTask>`), "bpmn-form-property-missing-id", "u"},
	"two form properties":         {in(`<userTask id="u"><extensionElements><activiti:formProperty id="x"/><activiti:formProperty id="x"/></extensionElements></userTask>`), "bpmn-duplicate-id", "u"},
	"field":                       {in(`<serviceTask id="u" activiti:class="x.Y"><extensionElements><activiti:field stringValue="x"/></extensionElements></serviceTask>`), "bpmn-field-missing-name", ""},

	"exclusive gateway to nowhere":    {in(`<exclusiveGateway id="g"/>` + flows("start-g")), "activiti-exclusive-gateway-no-outgoing-seq-flow", "g"},
	"condition on the only flow":      {in(userTask + `<exclusiveGateway id="g"/>` + conditional("f", "g", "u", "${a}")), "activiti-exclusive-gateway-condition-not-allowed-on-single-seq-flow", "g"},
	"condition on the default":        {in(userTask + `<exclusiveGateway id="g" default="f"/>` + conditional("f", "g", "u", "${a}") + conditional("f2", "g", "u", "${b}")), "activiti-exclusive-gateway-condition-on-seq-flow", "g"},
	"event gateway to a task":         {in(userTask + `<eventBasedGateway id="g"/>` + flows("g-u")), "activiti-event-gateway-only-connected-to-intermediate-events", "g"},
	"sub-process with two starts":     {in(`<subProcess id="s"><startEvent id="a"/><startEvent id="b"/></subProcess>`), "activiti-subprocess-multiple-start-event", "s"},
	"sub-process that waits":          {in(`<subProcess id="s"><startEvent id="a">` + timer + `</startEvent></subProcess>`), "activiti-subprocess-start-event-event-definition-not-allowed", "a"},
	"event sub-process without event": {in(`<subProcess id="s" triggeredByEvent="true"><startEvent id="a"/></subProcess>`), "activiti-event-subprocess-invalid-start-event-definition", "s"},
	"event sub-process without start": {in(`<subProcess id="s" triggeredByEvent="true"/>`), "bpmn-event-subprocess-no-start-event", "s"},
	"event sub-process with flows":    {in(`<subProcess id="s" triggeredByEvent="true"><startEvent id="a">` + timer + `</startEvent></subProcess>` + flows("start-s")), "bpmn-event-subprocess-connected", "s"},

	"boundary at nothing":             {in(`<boundaryEvent id="b" attachedToRef="nobody">` + timer + `</boundaryEvent>`), "bpmn-boundary-event-invalid-attached-to", "b"},
	"boundary at an event":            {in(`<boundaryEvent id="b" attachedToRef="start">` + timer + `</boundaryEvent>`), "bpmn-boundary-event-invalid-attached-to", "b"},
	"boundary for nothing":            {in(userTask + boundary("b", ``)), "activiti-boundary-event-no-event-definition", "b"},
	"boundary for an end":             {in(userTask + boundary("b", `<terminateEventDefinition/>`)), "activiti-boundary-event-invalid-event-definition", "b"},
	"cancel at a task":                {in(userTask + boundary("b", `<cancelEventDefinition/>`)), "activiti-boundary-event-cancel-only-on-transaction", "b"},
	"two cancels":                     {in(`<transaction id="u"><startEvent id="a"/></transaction>` + boundary("b", `<cancelEventDefinition/>`) + boundary("c", `<cancelEventDefinition/>`)), "activiti-boundary-event-multiple-cancel-on-transaction", "u"},
	"two compensations":               {in(userTask + `<userTask id="h" isForCompensation="true"/><association sourceRef="b" targetRef="h"/>` + boundary("b", `<compensateEventDefinition/>`) + boundary("c", `<compensateEventDefinition/>`)), "activiti-compensate-event-multiple-on-boundary", "u"},
	"compensation of nothing":         {in(`<endEvent id="e"><compensateEventDefinition activityRef="nobody"/></endEvent>`), "activiti-compensate-event-invalid-activity-ref", "e"},
	"compensation by an event":        {in(userTask + boundary("b", `<compensateEventDefinition/>`) + `<association id="a" sourceRef="b" targetRef="start"/>`), "bpmn-compensation-invalid-handler", "a"},
	"association from nothing":        {in(`<association id="a" targetRef="start"/>`), "activiti-asscociation-invalid-source-reference", "a"},
	"association to nothing":          {in(`<association id="a" sourceRef="start"/>`), "activiti-asscociation-invalid-target-reference", "a"},
	"association between pools":       {wrap(`<collaboration id="c"><association id="a" sourceRef="start"/></collaboration><process id="p"/>`), "activiti-asscociation-invalid-target-reference", "a"},
	"catching nothing":                {in(`<intermediateCatchEvent id="c"/>`), "activiti-intermediate-catch-event-no-eventdefinition", "c"},
	"catching an error":               {in(`<intermediateCatchEvent id="c"><errorEventDefinition/></intermediateCatchEvent>`), "activiti-intermediate-catch-event-invalid-eventdefinition", "c"},
	"throwing a timer":                {in(`<intermediateThrowEvent id="c">` + timer + `</intermediateThrowEvent>`), "activiti-throw-event-invalid-eventdefinition", "c"},
	"ending with a timer":             {in(`<endEvent id="e">` + timer + `</endEvent>`), "bpmn-end-event-invalid-event-definition", "e"},
	"cancel outside of a transaction": {in(`<endEvent id="e"><cancelEventDefinition/></endEvent>`), "activiti-end-event-cancel-only-inside-transaction", "e"},
	"link to nowhere":                 {in(`<intermediateThrowEvent id="c"><linkEventDefinition name="x"/></intermediateThrowEvent>`), "bpmn-link-event-no-target", "c"},
	"condition without condition":     {in(`<intermediateCatchEvent id="c"><conditionalEventDefinition/></intermediateCatchEvent>`), "bpmn-conditional-event-missing-condition", "c"},
	"unknown definition":              {in(`<intermediateThrowEvent id="c"><eventDefinitionRef>none</eventDefinitionRef></intermediateThrowEvent>`), "bpmn-unknown-reference", "c"},
	"unknown escalation":              {in(`<endEvent id="e"><escalationEventDefinition escalationRef="none"/></endEvent>`), "bpmn-unknown-reference", "e"},

	"message without reference": {in(catch(`<messageEventDefinition/>`)), "activiti-message-event-missing-message-ref", "c"},
	"unknown message":           {in(catch(`<messageEventDefinition messageRef="none"/>`)), "activiti-message-event-invalid-message-ref", "c"},
	"message without name":      {withGlobal(`<message id="m"/>`, catch(`<messageEventDefinition messageRef="m"/>`)), "activiti-message-missing-name", "c"},
	"message of an item":        {withGlobal(`<message id="m" name="n" itemRef="none"/>`, ``), "activiti-message-invalid-item-ref", "m"},
	"two of one message":        {withGlobal(`<message id="m" name="n"/>`, userTask+boundary("b", `<messageEventDefinition messageRef="m"/>`)+boundary("c", `<messageEventDefinition messageRef="m"/>`)), "activiti-message-event-multiple-on-boundary-same-message-id", "b c"},
	"signal without reference":  {in(catch(`<signalEventDefinition/>`)), "activiti-signal-event-missing-signal-ref", "c"},
	"unknown signal":            {in(catch(`<signalEventDefinition signalRef="none"/>`)), "activiti-signal-event-invalid-signal-ref", "c"},
	"signal without id":         {withGlobal(`<signal name="n"/>`, ``), "activiti-signal-missing-id", ""},
	"signal without name":       {withGlobal(`<signal id="s"/>`, ``), "activiti-signal-missing-name", "s"},
	"two signals of one name":   {withGlobal(`<signal id="s" name="n"/><signal id="t" name="n"/>`, ``), "activiti-signal-duplicate-name", "t"},
	"scope of a signal":         {withGlobal(`<signal id="s" name="n" activiti:scope="planet"/>`, ``), "activiti-signal-invalid-scope", "s"},
	"error without code":        {withGlobal(`<error id="e" errorCode=""/>`, ``), "activiti-error-missing-error-code", "e"},
	"timer without time":        {in(catch(`<timerEventDefinition/>`)), "activiti-event-timer-missing-configuration", "c"},
	"timer that is none":        {in(catch(`<timerEventDefinition><timeDuration>soon</timeDuration></timerEventDefinition>`)), "bpmn-timer-invalid", "c"},
	"cycle that is none":        {in(catch(`<timerEventDefinition><timeCycle>0 0 99 * * ?</timeCycle></timerEventDefinition>`)), "bpmn-timer-invalid", "c"},
	"retry that is none":        {in(`<userTask id="u" activiti:failedJobRetryTimeCycle="often"/>`), "bpmn-timer-invalid", "u"},
	"assignee":                  {in(`<userTask id="u" activiti:assignee="${a"/>`), "bpmn-expression-invalid", "u"},
	"condition":                 {in(conditional("f", "start", "start", "${a ==}")), "bpmn-expression-invalid", "f"},
	"service expression":        {in(`<serviceTask id="u" activiti:expression="${a"/>`), "bpmn-expression-invalid", "u"},
	"listener expression":       {in(`<userTask id="u"><extensionElements><activiti:taskListener event="create" expression="${a"/></extensionElements></userTask>`), "bpmn-expression-invalid", "u"},

	"another root":        {`<html/>`, "bpmn-not-bpmn", ""},
	"another namespace":   {`<definitions xmlns="http://schema.omg.org/spec/BPMN/2.0"/>`, "bpmn-not-bpmn", ""},
	"nothing":             {``, "bpmn-xml-invalid", ""},
	"no XML":              {`{"a": 1}`, "bpmn-xml-invalid", ""},
	"half a document":     {wrap(``)[:40] + `"><process>`, "bpmn-xml-invalid", ""},
	"crossed tags":        {`<a><b></a></b>`, "bpmn-xml-invalid", ""},
	"two roots":           {`<a/><b/>`, "bpmn-xml-invalid", ""},
	"text outside":        {`<a/>x`, "bpmn-xml-invalid", ""},
	"undeclared prefix":   {`<x:a/>`, "bpmn-xml-invalid", ""},
	"undeclared entity":   {`<a>&b;</a>`, "bpmn-xml-invalid", ""},
	"attribute twice":     {`<a b="1" b="2"/>`, "bpmn-xml-invalid", ""},
	"not UTF-8":           {"<a>\xff</a>", "bpmn-xml-invalid", ""},
	"unknown charset":     {`<?xml version="1.0" encoding="klingon"?><a/>`, "bpmn-xml-invalid", ""},
	"dangerous charset":   {`<?xml version="1.0" encoding="iso-2022-kr"?><a/>`, "bpmn-xml-invalid", ""},
	"charset twice":       {`<?xml version="1.0" encoding="latin1"?><?xml version="1.0" encoding="latin1"?><a/>`, "bpmn-xml-invalid", ""},
	"UTF-16 that is none": {`<?xml version="1.0" encoding="UTF-16"?><a/>`, "bpmn-xml-invalid", ""},
	"external entity":     {`<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, "bpmn-xml-doctype", ""},
	"billion laughs":      {`<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><a>&y;</a>`, "bpmn-xml-doctype", ""},
	"too deep":            {strings.Repeat("<a>", bpmn.MaxDepth+1), "bpmn-xml-too-deep", ""},
	"too many elements":   {"<a>" + strings.Repeat("<b/>", bpmn.MaxElements), "bpmn-xml-too-large", ""},
	"too many attributes": {"<a" + attributes(bpmn.MaxAttributes+1) + "/>", "bpmn-xml-too-large", ""},
	"too many prefixes":   {"<a" + strings.Repeat(` xmlns:a=""`, 150) + "><b" + strings.Repeat(` xmlns:a=""`, 60) + "/></a>", "bpmn-xml-too-large", ""},
	"too many bytes":      {"<a>" + strings.Repeat(" ", bpmn.MaxBytes), "bpmn-xml-too-large", ""},
}

func mail(fields string) string {
	return `<serviceTask id="u" activiti:type="mail"><extensionElements>` + fields + `</extensionElements></serviceTask>`
}

func conditional(id, from, to, condition string) string {
	return fmt.Sprintf(`<sequenceFlow id="%s" sourceRef="%s" targetRef="%s"><conditionExpression>%s</conditionExpression></sequenceFlow>`, id, from, to, condition)
}

func boundary(id, definition string) string {
	return fmt.Sprintf(`<boundaryEvent id="%s" attachedToRef="u">%s</boundaryEvent>`, id, definition)
}

func catch(definition string) string {
	return `<intermediateCatchEvent id="c">` + definition + `</intermediateCatchEvent>`
}

func withGlobal(global, inner string) string {
	return wrap(global + `<process id="p"><startEvent id="start"/>` + inner + `</process>`)
}

func attributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for title, c := range errorCases {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			var elements []string
			for _, p := range problems(t, c.text) {
				if p.Warning {
					continue
				}
				if p.Name != c.name {
					t.Errorf("another problem: %s", p)
				}
				if p.Line < 1 && len(c.text) <= bpmn.MaxBytes || p.Message == "" {
					t.Errorf("place or message is missing: %+v", p)
				}
				elements = append(elements, p.Element)
			}
			if strings.Join(elements, " ") != c.element {
				t.Errorf("problems with %q, want one with %q", elements, c.element)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct{ text, name string }{
		"one of two executable":   {wrap(`<process id="p"><startEvent id="s"/></process><process id="q" isExecutable="false"/>`), "activiti-specific-process-definition-not-executable"},
		"no start":                {wrap(`<process id="p"><userTask id="u"/></process>`), "bpmn-process-no-start-event"},
		"unknown element":         {in(`<choreographyTask id="x"/>`), "bpmn-element-ignored"},
		"flows without condition": {in(userTask + `<exclusiveGateway id="g"/><sequenceFlow id="a" sourceRef="g" targetRef="u"/><sequenceFlow id="b" sourceRef="g" targetRef="u"/>`), "activiti-exclusive-gateway-seq-flow-without-conditions"},
		"two definitions":         {in(catch(timer + `<terminateEventDefinition/>`)), "bpmn-event-multiple-definitions"},
		"error without code":      {in(`<endEvent id="e"><errorEventDefinition/></endEvent>`), "activiti-event-missing-error-code"},
		"default elsewhere":       {in(`<userTask id="u" default="start-u"/>` + flows("start-u")), "bpmn-default-flow-elsewhere"},
		"a name with a brace":     {in(`<userTask id="u" name="costs ${"/>`), "bpmn-expression-invalid"},
		"listener's event":        {in(`<userTask id="u"><extensionElements><activiti:taskListener event="created" class="x.Y"/></extensionElements></userTask>`), "bpmn-listener-unknown-event"},
		"no handler":              {in(userTask + boundary("b", `<compensateEventDefinition/>`)), "bpmn-compensation-no-handler"},
		"web service":             {wrap(`<interface id="i"><operation id="o"/></interface><process id="p"><startEvent id="start"/><serviceTask id="u" implementation="##WebService" operationRef="t:o"/></process>`), "bpmn-servicetask-webservice"},
		"start by error":          {wrap(`<process id="p"><startEvent id="s"><errorEventDefinition/></startEvent></process>`), "activiti-start-event-invalid-event-definition"},
		"event listener":          {wrap(`<process id="p"><extensionElements><activiti:eventListener class="x.Y"/></extensionElements><startEvent id="s"/></process>`), "bpmn-event-listener-ignored"},
		"sub-process":             {in(`<subProcess id="s"/>`), "bpmn-subprocess-no-start-event"},
		"flow to a boundary":      {in(userTask + boundary("b", timer) + flows("start-b")), "bpmn-boundary-event-incoming"},
	} {
		doc, err := bpmn.Parse([]byte(c.text), "inline")
		if err != nil {
			t.Errorf("%s: %v", title, err)
			continue
		}
		want(t, title, names(doc.Problems, true), []string{c.name})
	}
}

// All problems come at once, in the order of the file, with their places.
func TestProblemsTogether(t *testing.T) {
	t.Parallel()
	text := "<definitions xmlns=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" targetNamespace=\"t\">\n<process id=\"p\">\n <startEvent id=\"s\"/>\n" +
		" <serviceTask id=\"a\"/>\n  <scriptTask id=\"b\"/>\n<choreographyTask id=\"c\"/></process></definitions>"
	_, err := bpmn.Parse([]byte(text), "order.bpmn")
	var all *bpmn.Problems
	if !errors.As(err, &all) {
		t.Fatalf("the error is %v", err)
	}
	want(t, "places", []int{all.List[0].Line, all.List[0].Column, all.List[1].Line, all.List[1].Column}, []int{4, 2, 5, 3})
	want(t, "owner", []string{all.List[0].Process, all.List[0].Element}, []string{"p", "a"})
	want(t, "number", []int{len(all.List), all.More}, []int{3, 0})
	message := err.Error()
	for _, part := range []string{`"order.bpmn"`, "4:2: activiti-servicetask-missing-implementation: ", "5:3: activiti-scripttask-missing-script: ", `(element "a" of process "p")`} {
		if !strings.Contains(message, part) {
			t.Errorf("%q is missing in %s", part, message)
		}
	}
	if strings.Contains(message, "choreographyTask") {
		t.Error("a warning is in the error's text")
	}
}

func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `<serviceTask id="s%d"/>`, i)
	}
	_, err := bpmn.Parse([]byte(in(b.String())), "many")
	var all *bpmn.Problems
	if !errors.As(err, &all) || len(all.List) != 200 || all.More != 800 {
		t.Fatalf("the error is %v", err)
	}
	if !strings.HasSuffix(err.Error(), "and 800 more problems") {
		t.Error("the error does not say that there are more")
	}
}

func TestCharsets(t *testing.T) {
	t.Parallel()
	document := func(encoding string) string {
		return `<?xml version="1.0" encoding="` + encoding + `"?>` + wrap(`<process id="p" name="Prüfen"><startEvent id="s"/></process>`)
	}
	wide := func(s string, big, mark bool) []byte {
		var out []byte
		units := utf16.Encode([]rune(s))
		if mark {
			units = append([]uint16{0xFEFF}, units...)
		}
		for _, u := range units {
			if big {
				out = append(out, byte(u>>8), byte(u))
			} else {
				out = append(out, byte(u), byte(u>>8))
			}
		}
		return out
	}
	narrow := func(s string, letter byte) []byte {
		return []byte(strings.ReplaceAll(s, "ü", string([]byte{letter})))
	}
	for title, data := range map[string][]byte{
		"UTF-8":                    []byte(document("UTF-8")),
		"UTF-8 with mark":          append([]byte{0xEF, 0xBB, 0xBF}, document("utf-8")...),
		"ISO-8859-1":               narrow(document("ISO-8859-1"), 0xFC),
		"ISO-8859-15":              narrow(document("iso-8859-15"), 0xFC),
		"Windows-1252":             narrow(document("windows-1252"), 0xFC),
		"UTF-16 small":             wide(document("UTF-16"), false, true),
		"UTF-16 big":               wide(document("UTF-16"), true, true),
		"UTF-16 big without mark":  wide(document("UTF-16BE"), true, false),
		"UTF-16 without statement": wide(strings.SplitAfterN(document("x"), "?>", 2)[1], false, true),
		"GBK":                      []byte(strings.ReplaceAll(document("GBK"), "ü", "\xa8\xb9")),
	} {
		doc, err := bpmn.Parse(data, title)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		want(t, title, doc.Processes[0].Name, "Prüfen")
	}
	if got := problems(t, string(wide(document("latin1"), true, true))); !slices.Equal(names(got, false), []string{"bpmn-xml-invalid"}) {
		t.Errorf("UTF-16 that calls itself latin1: %v", got)
	}
}

// Text in many pieces takes time in proportion to its length.
func TestTextInPieces(t *testing.T) {
	t.Parallel()
	const pieces = 200_000
	doc := parsed(t, in(`<scriptTask id="u"><script>`+strings.Repeat(`x<!---->`, pieces)+`</script></scriptTask>`))
	want(t, "length", len(doc.Processes[0].Nodes["u"].Script.Source), pieces)
}

// A problem does not repeat a whole document.
func TestProblemsAreShort(t *testing.T) {
	t.Parallel()
	list := problems(t, in(`<sequenceFlow id="f" sourceRef="`+strings.Repeat("ä", 100_000)+`" targetRef="start"/>`))
	if got := list[0].Message; len(got) > 1010 || !strings.HasSuffix(got, "…") || !utf8.ValidString(got) {
		t.Errorf("a message has %d bytes", len(got))
	}
}

// However a document is built, the time that it takes grows with its length and not
// with the square of it, which would be minutes here.
func TestManyOfOneKind(t *testing.T) {
	t.Parallel()
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(format, "%", strconv.Itoa(i)))
		}
		return b.String()
	}
	const n = 70_000
	for title, text := range map[string]string{
		"processes":         wrap(many(n, `<process id="p%"/>`)),
		"form properties":   in(`<userTask id="u"><extensionElements>` + many(n, `<activiti:formProperty id="p%"/>`) + `</extensionElements></userTask>`),
		"boundary messages": wrap(`<message id="m" name="n"/><process id="p"><userTask id="u"/>` + many(n, `<boundaryEvent id="b%" attachedToRef="u"><messageEventDefinition messageRef="m"/></boundaryEvent>`) + `</process>`),
		"links":             in(many(n, `<intermediateThrowEvent id="t%"><linkEventDefinition name="l%"/></intermediateThrowEvent><intermediateCatchEvent id="c%"><linkEventDefinition name="l%"/></intermediateCatchEvent>`)),
		"data of a call":    in(`<callActivity id="u" calledElement="x">` + many(n, `<dataInputAssociation><sourceRef>a%</sourceRef><targetRef>b%</targetRef></dataInputAssociation>`) + `</callActivity>`),
		"one id":            in(many(n, `<task id="u"/>`)),
		"definitions":       wrap(many(n, `<signalEventDefinition id="d%"/>`) + `<process id="p">` + many(n, `<startEvent id="s%"><eventDefinitionRef>d%</eventDefinitionRef></startEvent>`) + `</process>`),
		"flows of a node":   in(`<task id="u"/>` + many(n, `<sequenceFlow id="f%" sourceRef="u" targetRef="u"/>`)),
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			if doc, err := bpmn.Parse([]byte(text), title); err == nil {
				for _, p := range doc.Processes {
					for _, node := range p.Order[:min(len(p.Order), 2)] {
						p.Reaches(node, node)
					}
				}
			}
		}()
		select {
		case <-done:
		case <-time.After(2 * time.Minute):
			t.Fatalf("%s: a document of %d bytes is not read", title, len(text))
		}
	}
}
