package bpmn

import (
	"strings"
)

// listeners reads the execution or task listeners of an element.
func (p *parser) listeners(e *elem, name string) []Listener {
	var out []Listener
	for _, c := range e.extensions(name) {
		if l, ok := p.listener(e, c); ok {
			out = append(out, l)
		}
	}
	return out
}

// listener reads the listener c of the element e.
func (p *parser) listener(e, c *elem) (Listener, bool) {
	l := Listener{Event: c.attr("event"), Class: strings.TrimSpace(c.attr("class")), Fields: p.fields(c), OnTransaction: c.attr("onTransaction")}
	task := c.name == "taskListener"
	if l.Class == "" {
		l.Expression = p.trimmed(e, "expression of the listener", c.attr("expression"))
	}
	if l.Class == "" && l.Expression == nil {
		l.DelegateExpression = p.trimmed(e, "delegateExpression of the listener", c.attr("delegateExpression"))
	}
	if l.Class == "" && l.Expression == nil && l.DelegateExpression == nil {
		l.Script = listenerScript(c, l.Fields)
	}
	if strings.HasSuffix(l.Class, ".ScriptExecutionListener") || strings.HasSuffix(l.Class, ".ScriptTaskListener") {
		// Activiti's own way to a script: a class with the script in its fields.
		if s := fieldScript(c, l.Fields); s != nil {
			l.Class, l.Script = "", s
		}
	}
	p.listenerEvent(e, c, &l, task)
	given := c.attr("expression") != "" || c.attr("delegateExpression") != ""
	if l.Class == "" && l.Expression == nil && l.DelegateExpression == nil && l.Script == nil {
		if !given { // else the expression has a problem of its own
			name := "activiti-execution-listener-implementation-missing"
			if task {
				name = "activiti-usertask-listener-implementation-missing"
			}
			p.fail(e, name, "a listener of %q has neither class, expression, delegateExpression nor script", l.Event)
		}
		return l, false
	}
	return l, true
}

// listenerEvent checks the event of a listener and gives it its default.
func (p *parser) listenerEvent(e, c *elem, l *Listener, task bool) {
	known := []string{"start", "end", "take"}
	if task {
		known = []string{"create", "assignment", "complete", "delete", "all", "update", "timeout"}
	}
	switch {
	case l.Event == "" && task:
		l.Event = "all"
	case l.Event == "" && e.name == "sequenceFlow":
		l.Event = "take"
	case l.Event == "" || !contains(known, l.Event):
		p.warn(e, "bpmn-listener-unknown-event", "a listener has the event %q, which is none of %s; it never runs", l.Event, strings.Join(known, ", "))
	}
}

// listenerScript reads a script element of a listener; nil when there is none.
func listenerScript(c *elem, fields []Field) *Script {
	for _, s := range c.children {
		if s.space != spaceVendor || s.name != "script" {
			continue
		}
		language := s.attr("scriptFormat")
		if language == "" {
			language = s.attr("language")
		}
		return newScript(language, s.text, s.textLine)
	}
	if c.attr("type") == "script" {
		return fieldScript(c, fields)
	}
	return nil
}

// fieldScript reads the fields script, language and resultVariable.
func fieldScript(c *elem, fields []Field) *Script {
	var s *Script
	values := map[string]string{}
	for _, f := range fields {
		values[f.Name] = f.String
	}
	if values["script"] != "" {
		s = newScript(values["language"], values["script"], c.line)
		s.ResultVariable = values["resultVariable"]
	}
	return s
}

func newScript(language, source string, line int) *Script {
	if language == "" {
		language = "juel"
	}
	return &Script{Language: language, Source: source, Line: line}
}

// form reads the form of a user task or start event; nil when it has none.
func (p *parser) form(e *elem) *Form {
	f := &Form{Key: p.trimmed(e, "formKey", e.ext("formKey"))}
	for _, c := range e.extensions("formProperty") {
		f.Properties = append(f.Properties, p.formProperty(e, c))
	}
	for _, data := range e.extensions("formData") {
		for _, c := range data.children {
			if c.space == spaceVendor && c.name == "formField" {
				f.Properties = append(f.Properties, p.formField(e, c))
			}
		}
	}
	if f.Key == nil && len(f.Properties) == 0 {
		return nil
	}
	ids := map[string]bool{}
	for _, one := range f.Properties {
		if ids[one.ID] {
			p.fail(e, "bpmn-duplicate-id", "two properties of the form have the id %q", one.ID)
		}
		ids[one.ID] = true
	}
	return f
}

// formProperty reads an activiti:formProperty.
func (p *parser) formProperty(e, c *elem) FormProperty {
	f := FormProperty{
		ID: c.attr("id"), Name: c.attr("name"), Type: c.attr("type"), Variable: c.attr("variable"),
		Expression:  p.trimmed(e, "expression of the form property", c.attr("expression")),
		Default:     p.loose(e, "default of the form property", c.attr("default")),
		DatePattern: c.attr("datePattern"), Required: yes(c.attr("required")),
		Readable: true, Writable: true, Values: formValues(c),
	}
	// Both spellings are in use.
	for _, name := range []string{"readable", "readAble"} {
		f.Readable = f.Readable && unlessNo(c.attr(name))
	}
	for _, name := range []string{"writable", "writeable", "writeAble"} {
		f.Writable = f.Writable && unlessNo(c.attr(name))
	}
	p.checkFormProperty(e, f)
	return f
}

// formField reads a camunda:formField.
func (p *parser) formField(e, c *elem) FormProperty {
	f := FormProperty{
		ID: c.attr("id"), Name: c.attr("label"), Type: c.attr("type"), DatePattern: c.attr("datePattern"),
		Default:  p.loose(e, "defaultValue of the form field", c.attr("defaultValue")),
		Readable: true, Writable: true, Values: formValues(c),
	}
	for _, v := range c.children {
		if v.space != spaceVendor || v.name != "validation" {
			continue
		}
		for _, rule := range v.children {
			switch rule.attr("name") {
			case "required":
				f.Required = unlessNo(rule.attr("config"))
			case "readonly":
				f.Writable = !unlessNo(rule.attr("config"))
			}
		}
	}
	p.checkFormProperty(e, f)
	return f
}

func (p *parser) checkFormProperty(e *elem, f FormProperty) {
	if f.ID == "" {
		p.fail(e, "bpmn-form-property-missing-id", "a property of the form has no id")
	}
}

func formValues(c *elem) []FormValue {
	var out []FormValue
	for _, v := range c.children {
		if v.space == spaceVendor && v.name == "value" {
			out = append(out, FormValue{ID: v.attr("id"), Name: v.attr("name")})
		}
	}
	return out
}

// modeler reads what APS's modeler and Camunda's properties keep in an element.
func modeler(e *elem) (map[string]string, []Extension) {
	var texts map[string]string
	var all []Extension
	put := func(name, value string) {
		if texts == nil {
			texts = map[string]string{}
		}
		if _, ok := texts[name]; !ok {
			texts[name] = value
		}
	}
	for _, box := range e.children {
		if !box.is("extensionElements") {
			continue
		}
		for _, c := range box.children {
			switch {
			case c.space == spaceModeler:
				all = append(all, extension(c))
				put(c.name, strings.TrimSpace(c.text))
				for _, a := range c.attributes {
					put(a.name, a.value)
				}
			case c.space == spaceVendor && c.name == "properties":
				for _, property := range c.children {
					all = append(all, extension(property))
				}
			}
		}
	}
	return texts, all
}

func extension(e *elem) Extension {
	x := Extension{Name: e.name, Text: strings.TrimSpace(e.text)}
	for _, a := range e.attributes {
		if x.Attributes == nil {
			x.Attributes = make(map[string]string, len(e.attributes))
		}
		x.Attributes[a.name] = a.value
	}
	for _, c := range e.children {
		x.Children = append(x.Children, extension(c))
	}
	return x
}
