package main

import (
	"fmt"
	"strings"
)

// flow is a process with how many tasks one instance of it has until its end.
type flow struct {
	name, title string
	tasks       int
	bpmn        string
}

var flows = []flow{
	{"tasks", "seven user tasks, one after the other", 7, process("tasks", sequence(7))},
	{"parallel", "three user tasks side by side, a join, one more", 4, process("parallel", parallel())},
	{"service", "three service tasks, one user task", 1, process("service", service())},
}

// desk is what people's lists are measured on: whose task it is stands in a variable.
const desk = `<startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="task"/>
<userTask id="task" name="Task" activiti:assignee="${who}"/><sequenceFlow id="f1" sourceRef="task" targetRef="end"/><endEvent id="end"/>`

const waiting = `<startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="pause"/>
<intermediateCatchEvent id="pause"><timerEventDefinition><timeDuration>PT1S</timeDuration></timerEventDefinition></intermediateCatchEvent>
<sequenceFlow id="f1" sourceRef="pause" targetRef="end"/><endEvent id="end"/>`

func process(key, body string) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="bench">
<process id="%s" isExecutable="true">%s</process></definitions>`, key, body)
}

func sequence(n int) string {
	var b strings.Builder
	b.WriteString(`<startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="task1"/>`)
	for i := 1; i <= n; i++ {
		next := fmt.Sprintf("task%d", i+1)
		if i == n {
			next = "end"
		}
		fmt.Fprintf(&b, `<userTask id="task%d" name="Task %d" activiti:assignee="kermit"/><sequenceFlow id="f%d" sourceRef="task%d" targetRef="%s"/>`, i, i, i, i, next)
	}
	b.WriteString(`<endEvent id="end"/>`)
	return b.String()
}

func parallel() string {
	var b strings.Builder
	b.WriteString(`<startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="fork"/><parallelGateway id="fork"/><parallelGateway id="join"/>`)
	for i := range 3 {
		fmt.Fprintf(&b, `<userTask id="t%d" activiti:assignee="kermit"/><sequenceFlow id="a%d" sourceRef="fork" targetRef="t%d"/><sequenceFlow id="b%d" sourceRef="t%d" targetRef="join"/>`, i, i, i, i, i)
	}
	b.WriteString(`<sequenceFlow id="f1" sourceRef="join" targetRef="last"/><userTask id="last" activiti:assignee="kermit"/><sequenceFlow id="f2" sourceRef="last" targetRef="end"/><endEvent id="end"/>`)
	return b.String()
}

func service() string {
	var b strings.Builder
	b.WriteString(`<startEvent id="start"/><sequenceFlow id="f0" sourceRef="start" targetRef="s1"/>`)
	for i := 1; i <= 3; i++ {
		next := fmt.Sprintf("s%d", i+1)
		if i == 3 {
			next = "task"
		}
		fmt.Fprintf(&b, `<serviceTask id="s%d" activiti:expression="${%d * 7}" activiti:resultVariable="v%d"/><sequenceFlow id="f%d" sourceRef="s%d" targetRef="%s"/>`, i, i, i, i, i, next)
	}
	b.WriteString(`<userTask id="task" activiti:assignee="kermit"/><sequenceFlow id="f9" sourceRef="task" targetRef="end"/><endEvent id="end"/>`)
	return b.String()
}
