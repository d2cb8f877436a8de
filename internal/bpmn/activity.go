package bpmn

import (
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/schedule"
)

// user reads a user task.
func (p *parser) user(e *elem) *User {
	u := &User{
		Assignee:         p.trimmed(e, "assignee", e.ext("assignee")),
		Owner:            p.trimmed(e, "owner", e.ext("owner")),
		CandidateUsers:   p.expressions(e, "candidateUsers", e.ext("candidateUsers")),
		CandidateGroups:  p.expressions(e, "candidateGroups", e.ext("candidateGroups")),
		DueDate:          p.trimmed(e, "dueDate", e.ext("dueDate")),
		FollowUpDate:     p.trimmed(e, "followUpDate", e.ext("followUpDate")),
		Priority:         p.trimmed(e, "priority", e.ext("priority")),
		Category:         p.trimmed(e, "category", e.ext("category")),
		BusinessCalendar: p.trimmed(e, "businessCalendarName", e.ext("businessCalendarName")),
		Name:             p.loose(e, "name", e.attr("name")),
		Description:      p.loose(e, "documentation", e.childText("documentation")),
		Listeners:        p.listeners(e, "taskListener"),
	}
	if u.Priority != nil {
		if plain, ok := u.Priority.Literal(); ok {
			if _, err := strconv.Atoi(plain); err != nil {
				p.fail(e, "bpmn-usertask-invalid-priority", "priority %q is no whole number", plain)
			}
		}
	}
	for _, c := range e.children {
		switch {
		case c.is("humanPerformer"), c.is("performer"):
			if u.Assignee == nil {
				u.Assignee = p.trimmed(e, c.name, assignment(c))
			}
		case c.is("potentialOwner"):
			users, groups := usersAndGroups(c)
			u.CandidateUsers = append(u.CandidateUsers, p.each(e, c.name, users)...)
			u.CandidateGroups = append(u.CandidateGroups, p.each(e, c.name, groups)...)
		}
	}
	for _, c := range e.extensions("customResource") {
		users, groups := usersAndGroups(c)
		u.Links = append(u.Links, Link{Type: c.attr("name"), Users: p.each(e, c.name, users), Groups: p.each(e, c.name, groups)})
	}
	return u
}

// each parses texts one by one.
func (p *parser) each(e *elem, what string, texts []string) []*juel.Expression {
	var out []*juel.Expression
	for _, text := range texts {
		if x := p.trimmed(e, what, text); x != nil {
			out = append(out, x)
		}
	}
	return out
}

// assignment returns the text of resourceAssignmentExpression/formalExpression.
func assignment(e *elem) string {
	for _, c := range e.children {
		if c.name != "resourceAssignmentExpression" {
			continue
		}
		for _, f := range c.children {
			if f.name == "formalExpression" {
				return strings.TrimSpace(f.text)
			}
		}
	}
	return ""
}

// usersAndGroups reads "user(kermit), group(sales), management": what says neither
// is a group.
func usersAndGroups(e *elem) (users, groups []string) {
	for _, part := range splitList(assignment(e)) {
		switch {
		case strings.HasPrefix(part, "user(") && strings.HasSuffix(part, ")"):
			users = append(users, strings.TrimSpace(part[len("user("):len(part)-1]))
		case strings.HasPrefix(part, "group(") && strings.HasSuffix(part, ")"):
			groups = append(groups, strings.TrimSpace(part[len("group("):len(part)-1]))
		default:
			groups = append(groups, part)
		}
	}
	return users, groups
}

// workNames are the attributes that workOf reads; others of a vendor are options.
var workNames = []string{
	"class", "expression", "delegateExpression", "type", "resultVariable", "resultVariableName", "useLocalScopeForResultVariable",
	"triggerable", "extensionId", "async", "asyncBefore", "asyncAfter", "asyncLeave", "exclusive", "skipExpression",
}

// workOf reads what a service task runs; nil when it says nothing of that.
func (p *parser) workOf(e *elem) *Work {
	w := &Work{
		Class: strings.TrimSpace(e.ext("class")), Type: strings.TrimSpace(e.ext("type")),
		ResultVariable: e.ext("resultVariable", "resultVariableName"),
		UseLocalScope:  yes(e.ext("useLocalScopeForResultVariable")), Triggerable: yes(e.ext("triggerable")),
		ExtensionID: e.ext("extensionId"),
	}
	// The first in Activiti's order counts.
	if w.Class == "" {
		w.Expression = p.trimmed(e, "expression", e.ext("expression"))
	}
	if w.Class == "" && w.Expression == nil {
		w.DelegateExpression = p.trimmed(e, "delegateExpression", e.ext("delegateExpression"))
	}
	if w.Class != "" || w.Expression != nil || w.DelegateExpression != nil {
		w.Type = ""
	}
	if w.Class == "" && w.Expression == nil && w.DelegateExpression == nil && w.Type == "" {
		return nil
	}
	w.Fields = p.fields(e)
	for _, c := range e.extensions("mapException") {
		w.Exceptions = append(w.Exceptions, ExceptionMapping{
			Exception: strings.TrimSpace(c.text), Code: c.attr("errorCode"), IncludeChildren: yes(c.attr("includeChildExceptions")),
		})
	}
	for _, a := range e.attributes {
		if a.space == spaceVendor && !contains(workNames, a.name) {
			if w.Options == nil {
				w.Options = map[string]string{}
			}
			w.Options[a.name] = a.value
		}
	}
	return w
}

// serviceWork is workOf for service and send tasks, which must say what they run.
func (p *parser) serviceWork(e *elem) *Work {
	w := p.workOf(e)
	p.checkWork(e, w)
	return w
}

// fields reads injected fields, in their two forms: an attribute, or an element.
func (p *parser) fields(e *elem) []Field {
	found := e.extensions("field")
	for _, c := range e.children { // listeners have them directly
		if c.space == spaceVendor && c.name == "field" {
			found = append(found, c)
		}
	}
	var out []Field
	for _, c := range found {
		out = append(out, p.field(c))
	}
	return out
}

func (p *parser) field(e *elem) Field {
	f := Field{Name: e.attr("name"), Text: true, String: e.attr("stringValue")}
	if f.Name == "" {
		p.fail(e, "bpmn-field-missing-name", "an injected field has no name")
	}
	if v := e.attr("expression"); v != "" {
		f.Text, f.String = false, v
	}
	for _, c := range e.children {
		if c.space != spaceVendor {
			continue
		}
		switch c.name {
		case "string":
			f.Text, f.String = true, c.text
		case "expression":
			f.Text, f.String = false, strings.TrimSpace(c.text)
		}
	}
	if !f.Text {
		f.Value = p.expression(e, "field "+f.Name, f.String)
	} else if x, err := juel.Parse(f.String); err == nil {
		f.Value = x
	}
	if f.Value == nil {
		f.Value = literal("")
	}
	return f
}

// script reads a script task. JUEL is the language of one that names none, as in
// Activiti.
func (p *parser) script(e *elem) *Script {
	s := &Script{
		Language: e.attr("scriptFormat"), ResultVariable: e.ext("resultVariable", "resultVariableName"),
		AutoStoreVariables: yes(e.ext("autoStoreVariables")), Line: e.line,
	}
	if s.Language == "" {
		s.Language = "juel"
	}
	if c := e.child("script"); c != nil {
		s.Source, s.Line = c.text, c.textLine
	}
	if strings.TrimSpace(s.Source) == "" {
		p.fail(e, "activiti-scripttask-missing-script", "the script task has no script")
	}
	return s
}

// call reads a call activity.
func (p *parser) call(e *elem) *Call {
	c := &Call{
		Element:                   p.trimmed(e, "calledElement", e.attr("calledElement")),
		ByID:                      strings.EqualFold(e.ext("calledElementType"), "id"),
		SameDeployment:            yes(e.ext("sameDeployment")) || strings.EqualFold(e.ext("calledElementBinding"), "deployment"),
		TenantID:                  p.trimmed(e, "calledElementTenantId", e.ext("calledElementTenantId")),
		BusinessKey:               p.trimmed(e, "businessKey", e.ext("businessKey")),
		InheritBusinessKey:        yes(e.ext("inheritBusinessKey")),
		InheritVariables:          yes(e.ext("inheritVariables")),
		UseLocalScopeForOut:       yes(e.ext("useLocalScopeForOutParameters")),
		ProcessInstanceIDVariable: e.ext("processInstanceIdVariableName"),
		In:                        p.mappings(e, "in"), Out: p.mappings(e, "out"),
	}
	for _, m := range e.extensions("in") {
		if key := m.attr("businessKey"); key != "" && c.BusinessKey == nil {
			c.BusinessKey = p.trimmed(e, "businessKey", key)
		}
	}
	if c.Element == nil && strings.TrimSpace(e.attr("calledElement")) == "" {
		p.fail(e, "activiti-call-activity-missing-called-element", "the call activity has no calledElement")
	}
	return c
}

// mappings reads in and out elements.
func (p *parser) mappings(e *elem, name string) []Mapping {
	var out []Mapping
	for _, c := range e.extensions(name) {
		m := Mapping{
			Source: c.attr("source"), SourceExpression: p.trimmed(e, "sourceExpression", c.attr("sourceExpression")),
			Target: c.attr("target"), TargetExpression: p.trimmed(e, "targetExpression", c.attr("targetExpression")),
			All: c.attr("variables") == "all",
		}
		// Modelers write an expression into source too.
		if m.SourceExpression == nil && strings.Contains(m.Source, "${") {
			m.SourceExpression, m.Source = p.trimmed(e, "source", m.Source), ""
		}
		if m.Source == "" && m.SourceExpression == nil && !m.All {
			continue // camunda:in with a business key alone
		}
		if !m.All && m.Target == "" && m.TargetExpression == nil {
			p.fail(e, "bpmn-mapping-missing-target", "<%s> has a source and no target", name)
		}
		out = append(out, m)
	}
	return out
}

// rules reads a business rule task.
func (p *parser) rules(e *elem, n *Node) *Rules {
	r := decisionOf(n)
	if r == nil {
		r = &Rules{}
	}
	r.Input, r.Rules = splitList(e.ext("ruleVariablesInput")), splitList(e.ext("rules"))
	r.Exclude, r.ResultVariable = yes(e.ext("exclude")), e.ext("resultVariable", "resultVariableName")
	if r.DecisionKey == nil {
		r.DecisionKey = p.trimmed(e, "decisionRef", e.ext("decisionTableReferenceKey", "decisionRef", "decisionKey"))
	}
	if r.DecisionKey == nil {
		for _, f := range p.fields(e) {
			if f.Name == "decisionTableReferenceKey" {
				r.DecisionKey = f.Value
			}
		}
	}
	return r
}

// decisionOf finds the decision table of a task in its fields and in APS's data; nil
// when it has none.
func decisionOf(n *Node) *Rules {
	r := &Rules{DecisionID: n.Modeler["decisiontablereferenceid"]}
	if n.Work != nil {
		for _, f := range n.Work.Fields {
			if f.Name == "decisionTableReferenceKey" {
				r.DecisionKey = f.Value
			}
		}
		r.ResultVariable = n.Work.ResultVariable
	}
	if r.DecisionID == "" && r.DecisionKey == nil {
		return nil
	}
	return r
}

// retry reads failedJobRetryTimeCycle, which modelers write as an element and as an
// attribute.
func (p *parser) retry(e *elem) *Text {
	text := e.ext("failedJobRetryTimeCycle")
	for _, c := range e.extensions("failedJobRetryTimeCycle") {
		text = c.text
	}
	x := p.trimmed(e, "failedJobRetryTimeCycle", text)
	if x == nil {
		return nil
	}
	if plain, ok := x.Literal(); ok {
		if _, _, err := schedule.ParseRetry(plain); err != nil {
			p.fail(e, "bpmn-timer-invalid", "failedJobRetryTimeCycle: %v", err)
		}
	}
	return x
}

// loop reads how often an activity runs.
func (p *parser) loop(e *elem) *Loop {
	if c := e.child("standardLoopCharacteristics"); c != nil {
		return &Loop{
			Standard: true, TestBefore: yes(c.attr("testBefore")),
			Condition: p.trimmed(e, "loopCondition", c.childText("loopCondition")),
			Maximum:   p.trimmed(e, "loopMaximum", c.attr("loopMaximum")),
		}
	}
	c := e.child("multiInstanceLoopCharacteristics")
	if c == nil {
		return nil
	}
	l := &Loop{
		Sequential:   yes(c.attr("isSequential")),
		Cardinality:  p.trimmed(e, "loopCardinality", c.childText("loopCardinality")),
		Completion:   p.trimmed(e, "completionCondition", c.childText("completionCondition")),
		Element:      c.ext("elementVariable"),
		ElementIndex: c.ext("elementIndexVariable"),
	}
	collection := strings.TrimSpace(c.ext("collection"))
	if collection == "" {
		collection = c.childText("loopDataInputRef")
	}
	if l.Collection = p.expression(e, "collection", collection); l.Collection != nil {
		if name, plain := l.Collection.Literal(); plain {
			l.CollectionName = name
		}
	}
	if item := c.child("inputDataItem"); item != nil && l.Element == "" {
		if l.Element = item.attr("name"); l.Element == "" {
			l.Element = item.attr("id")
		}
	}
	return l
}
