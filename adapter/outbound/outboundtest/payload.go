package outboundtest

import (
	"encoding/base64"
	"net/url"

	"github.com/google/uuid"

	"github.com/linkloop/linkloop/adapter/element"
	"github.com/linkloop/linkloop/adapter/nhs"
)

// Canary is text about a person that Payload carries. No channel may repeat it
// in a reason.
const Canary = "Zebedee Quillfeather"

// Token is the secret that channels under test send. No channel may repeat it.
const Token = "canary-token-5f1c"

// Patient is the NHS number that Payload is about, of the range kept for tests.
const Patient = "9990000379"

// Payload is a transaction as outcomes make them: a Procedure and a summary
// for Patient, found again by identifiers that begin with task.
func Payload(task string) []byte {
	subject := element.F("subject", element.NewObject(
		element.S("reference", "Patient?identifier="+url.QueryEscape(nhs.SystemNHSNumber+"|"+Patient))))
	procedure := element.NewObject(element.S("resourceType", "Procedure"), element.S("status", "completed"),
		element.F("code", element.NewObject(element.S("text", "Signposting of "+Canary))), subject)
	document := element.NewObject(element.S("resourceType", "DocumentReference"), element.S("status", "current"), subject,
		element.F("content", element.NewArray(element.NewObject(element.F("attachment", element.NewObject(
			element.S("contentType", "text/plain"),
			element.S("data", base64.StdEncoding.EncodeToString([]byte("Seen: "+Canary)))))))))
	return Transaction(Create(task+".activity", procedure), Create(task+".summary", document))
}

// Transaction is a transaction Bundle of the entries.
func Transaction(entries ...*element.Value) []byte {
	return element.NewObject(element.S("resourceType", "Bundle"), element.S("type", "transaction"),
		element.F("entry", element.NewArray(entries...))).JSON()
}

// Create is the conditional create of a resource that gets the identifier.
func Create(value string, resource *element.Value) *element.Value {
	const system = "urn:linkloop:test"
	resource.Set("identifier", element.NewArray(element.NewObject(element.S("system", system), element.S("value", value))))
	return element.NewObject(
		element.S("fullUrl", "urn:uuid:"+uuid.NewSHA1(uuid.NameSpaceURL, []byte(value)).String()),
		element.F("resource", resource),
		element.F("request", element.NewObject(
			element.S("method", "POST"), element.S("url", resource.ResourceType()),
			element.S("ifNoneExist", "identifier="+url.QueryEscape(system+"|"+value)))))
}
