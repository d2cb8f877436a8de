// Package bpmn turns BPMN 2.0 XML into a checked, compiled graph of pointers.
//
// Parse reads a document once: tokens become a light tree, the tree becomes
// processes, and these are checked as Activiti's validator checks them. Whatever is
// wrong comes back at once, each with Activiti's name for it, the element and its
// line and column. Names that begin with "activiti-" are Activiti's own; those that
// begin with "bpmn-" are for what Activiti finds by schema or not before it runs.
//
// Attributes of the namespaces of Activiti, Flowable and Camunda are read alike, and
// namespaces are told by their URI, never by a prefix. What APS's modeler adds
// ("modeler:") is kept for whoever asks.
//
// It serves no URL, opens no file, has no clock, and must not know how a process is
// run. A compiled process does not change; many may use it at once.
package bpmn
