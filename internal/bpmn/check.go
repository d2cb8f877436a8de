package bpmn

import (
	"strings"
	"unicode/utf8"
)

// Lengths in characters that Activiti's tables hold.
const (
	maxID            = 255
	maxName          = 255
	maxDocumentation = 2000
	maxNamespace     = 255
)

// checkDocument checks what belongs to no process alone.
func (p *parser) checkDocument() {
	executable := false
	for _, process := range p.doc.Processes {
		executable = executable || process.Executable
	}
	if !executable {
		p.fail(p.root, "activiti-process-definition-not-executable", "no process of the document is executable (isExecutable)")
	}
	for _, w := range p.all {
		p.process = w.process
		if executable && !w.process.Executable {
			p.warn(w.elem, "activiti-specific-process-definition-not-executable", "the process is not executable and is not deployed")
		}
		p.checkLengths(w)
	}
	p.process = nil
	if utf8.RuneCountInString(p.doc.Namespace) > maxNamespace {
		p.fail(p.root, "activiti-bpmn-model-target-namespace-too-long", "targetNamespace has more than %d characters", maxNamespace)
	}
	p.checkSignals()
	for _, e := range p.root.children {
		switch {
		case e.is("error"):
			if e.has(spaceNone, "errorCode") && e.attr("errorCode") == "" {
				p.fail(e, "activiti-error-missing-error-code", "the error has an empty errorCode")
			}
		case e.is("message"):
			p.checkMessage(e)
		}
	}
	for _, e := range p.artifacts {
		if e.is("association") {
			p.checkAssociation(e)
		}
	}
}

func (p *parser) checkLengths(w *processWork) {
	for _, one := range []struct {
		what, text, name string
		most             int
	}{
		{"id", w.process.ID, "activiti-process-definition-id-too-long", maxID},
		{"name", w.process.Name, "activiti-process-definition-name-too-long", maxName},
		{"documentation", w.process.Documentation, "activiti-process-definition-documentation-too-long", maxDocumentation},
	} {
		if utf8.RuneCountInString(one.text) > one.most {
			p.fail(w.elem, one.name, "the %s of the process has more than %d characters", one.what, one.most)
		}
	}
}

// checkSignals goes through the signals in the order of the file.
func (p *parser) checkSignals() {
	names := map[string]string{}
	for _, e := range p.root.children {
		if !e.is("signal") {
			continue
		}
		id, name := e.attr("id"), e.attr("name")
		if id == "" {
			p.fail(e, "activiti-signal-missing-id", "a signal has no id")
		}
		if name == "" {
			p.fail(e, "activiti-signal-missing-name", "the signal has no name")
		} else if other, ok := names[name]; ok && other != id {
			p.fail(e, "activiti-signal-duplicate-name", "the signals %q and %q have the same name %q", other, id, name)
		}
		names[name] = id
		if scope := e.ext("scope"); scope != "" && scope != "global" && scope != "processInstance" {
			p.fail(e, "activiti-signal-invalid-scope", "scope %q is neither global nor processInstance", scope)
		}
	}
}

func (p *parser) checkMessage(e *elem) {
	ref := e.attr("itemRef")
	if ref == "" {
		return
	}
	_, whole := p.items[ref]
	_, local := p.items[ref[strings.LastIndexByte(ref, ':')+1:]]
	if !whole && !local {
		p.fail(e, "activiti-message-invalid-item-ref", "itemRef %q: the document has no itemDefinition of that id", ref)
	}
}

// The names are spelt as Activiti spells them.
func (p *parser) checkAssociation(e *elem) {
	if e.attr("sourceRef") == "" {
		p.fail(e, "activiti-asscociation-invalid-source-reference", "the association has no sourceRef")
	}
	if e.attr("targetRef") == "" {
		p.fail(e, "activiti-asscociation-invalid-target-reference", "the association has no targetRef")
	}
}

// checkWork checks what a service or send task runs.
func (p *parser) checkWork(e *elem, w *Work) {
	send := e.name == "sendTask"
	if w == nil {
		switch ref := e.attr("operationRef"); {
		case ref != "" && !p.operations[ref] && !p.operations[ref[strings.LastIndexByte(ref, ':')+1:]]:
			name := "activiti-servicetask-webservice-invalid-operation-ref"
			if send {
				name = "activiti-send-webservice-invalid-operation-ref"
			}
			p.fail(e, name, "operationRef %q: the document has no operation of that id", ref)
		case ref != "":
			p.warn(e, "bpmn-servicetask-webservice", "web services are not called; when the task is reached, there will be an incident")
		case e.ext("expression")+e.ext("delegateExpression") != "": // has a problem of its own
		case send:
			p.fail(e, "activiti-sendtask-invalid-implementation", "a send task needs class, expression, delegateExpression, type or operationRef")
		default:
			p.fail(e, "activiti-servicetask-missing-implementation", "a service task needs class, expression, delegateExpression, type or operationRef")
		}
		return
	}
	if w.ResultVariable != "" && (w.Class != "" || w.DelegateExpression != nil) {
		p.fail(e, "activiti-servicetask-result-var-name-with-delegate", "resultVariable goes with expression; class and delegateExpression return nothing")
	}
	if w.Type != "" {
		p.checkWorkType(e, w, send)
	}
}

func (p *parser) checkWorkType(e *elem, w *Work, send bool) {
	fields := map[string]string{}
	for _, f := range w.Fields {
		fields[f.Name] = f.String
	}
	has := func(names ...string) bool {
		for _, n := range names {
			if _, ok := fields[n]; ok {
				return true
			}
		}
		return false
	}
	switch strings.ToLower(w.Type) {
	case "mail":
		if !has("to", "cc", "bcc") {
			p.fail(e, "activiti-mailtask-no-recipient", "the mail has no field to, cc or bcc")
		}
		if !has("text", "html", "textVar", "htmlVar", "template", "emailTemplate", "templateName", "templateId") {
			p.fail(e, "activiti-mailtask-no-content", "the mail has no field text, html, textVar or htmlVar")
		}
	case "shell":
		if !has("command") {
			p.fail(e, "activiti-shelltask-no-command", "the shell task has no field command")
		}
		for _, name := range []string{"wait", "redirectError", "cleanEnv"} {
			if v := strings.ToLower(fields[name]); has(name) && v != "true" && v != "false" {
				p.fail(e, "activiti-shelltask-invalid-param", "the field %s is neither true nor false", name)
			}
		}
	case "dmn":
		if !has("decisionTableReferenceKey") {
			p.fail(e, "activiti-dmntask-no-decision-table-key", "the decision task has no field decisionTableReferenceKey")
		}
	case "http", "mule", "camel":
	default:
		name := "activiti-servicetask-invalid-type"
		if send {
			name = "activiti-sendtask-invalid-type"
		}
		p.fail(e, name, "type %q is none of mail, http, dmn, camel, mule, shell", w.Type)
	}
}
