package nhs

import "strings"

// Identifier and code systems as UK Core and the HL7 UK registry of system
// identifiers write them (HL7-UK/System-Identifiers, registry-master.json;
// UK Core STU2 StructureDefinitions).
const (
	SystemNHSNumber       = "https://fhir.nhs.uk/Id/nhs-number"
	SystemODSOrganization = "https://fhir.nhs.uk/Id/ods-organization-code"
	SystemODSSite         = "https://fhir.nhs.uk/Id/ods-site-code"
	SystemSDSUser         = "https://fhir.nhs.uk/Id/sds-user-id"
	SystemSDSRoleProfile  = "https://fhir.nhs.uk/Id/sds-role-profile-id"
	SystemDoSService      = "https://fhir.nhs.uk/Id/dos-service-id"
	SystemUBRN            = "https://fhir.nhs.uk/Id/UBRN"
	SystemERSRequest      = "https://fhir.nhs.uk/Id/ers-request-id"
	SystemERSService      = "https://fhir.nhs.uk/Id/ers-service"
	SystemBaRS            = "https://fhir.nhs.uk/Id/BaRS-Identifier"
	SystemCHINumber       = "https://fhir.nhs.uk/Id/chi-number"
	SystemSpineASID       = "https://fhir.nhs.uk/Id/nhsSpineASID"
	SystemProduct         = "https://fhir.nhs.uk/Id/product-id"
	SystemCrossCare       = "https://fhir.nhs.uk/Id/cross-care-setting-identifier"

	SystemGMCNumber        = "https://fhir.hl7.org.uk/Id/gmc-number"
	SystemGMPNumber        = "https://fhir.hl7.org.uk/Id/gmp-number"
	SystemNMCNumber        = "https://fhir.hl7.org.uk/Id/nmc-number"
	SystemHCPCNumber       = "https://fhir.hl7.org.uk/Id/hcpc-number"
	SystemGPhCNumber       = "https://fhir.hl7.org.uk/Id/gphc-number"
	SystemGDCNumber        = "https://fhir.hl7.org.uk/Id/gdc-number"
	SystemProfessionalCode = "https://fhir.hl7.org.uk/Id/professional-code"

	SystemSNOMED = "http://snomed.info/sct"
	SystemDMD    = "https://dmd.nhs.uk"
	SystemReadV2 = "http://read.info/readv2"
	SystemCTV3   = "http://read.info/ctv3"
)

// canonical maps the folded form of a URI to the one we write.
var canonical = func() map[string]string {
	m := make(map[string]string, 64)
	for _, uri := range []string{
		SystemNHSNumber, SystemODSOrganization, SystemODSSite, SystemSDSUser, SystemSDSRoleProfile,
		SystemDoSService, SystemUBRN, SystemERSRequest, SystemERSService, SystemBaRS, SystemCHINumber,
		SystemSpineASID, SystemProduct, SystemCrossCare,
		SystemGMCNumber, SystemGMPNumber, SystemNMCNumber, SystemHCPCNumber, SystemGPhCNumber,
		SystemGDCNumber, SystemProfessionalCode,
		SystemSNOMED, SystemDMD, SystemReadV2, SystemCTV3,
	} {
		m[fold(uri)] = uri
	}
	for variant, uri := range map[string]string{
		"https://fhir.nhs.uk/Id/ods-organisation-code":     SystemODSOrganization, // British spelling, 4 of 809 uses
		"http://fhir.nhs.net/Id/nhs-number":                SystemNHSNumber,       // e-RS, STU3
		"https://fhir.nhs.net/Id/ods-organization-code":    SystemODSOrganization,
		"https://fhir.nhs.net/Id/ods-site-code":            SystemODSSite,
		"https://fhir.nhs.net/Id/sds-user-id":              SystemSDSUser,
		"https://fhir.nhs.net/Id/sds-role-profile-id":      SystemSDSRoleProfile,
		"https://fhir.hl7.org.uk/Id/nhs-number":            SystemNHSNumber,
		"urn:oid:2.16.840.1.113883.2.1.4.1":                SystemNHSNumber, // ITK CDA
		"urn:oid:2.16.840.1.113883.6.96":                   SystemSNOMED,
		"https://fhir.hl7.org.uk/Id/ods-organization-code": SystemODSOrganization,
	} {
		m[fold(variant)] = uri
	}
	return m
}()

// CanonicalSystem returns the URI that we use for a system, for every spelling
// of it that real data holds: http for https, /id/ for /Id/, a trailing slash,
// spaces around it, query marks behind it (http://snomed.info/sct?? in BaRS
// examples), the older host fhir.nhs.net. A URI we do not know is returned as
// it was, with ok false: it may well be right.
func CanonicalSystem(uri string) (system string, ok bool) {
	// The two commonest are answered without a copy.
	switch uri {
	case SystemNHSNumber, SystemODSOrganization, SystemSNOMED:
		return uri, true
	}
	if known, ok := canonical[fold(uri)]; ok {
		return known, true
	}
	return uri, false
}

// fold drops what must not make a difference between two system URIs.
func fold(uri string) string {
	uri = strings.ToLower(strings.TrimSpace(uri))
	uri = strings.TrimPrefix(uri, "https://")
	uri = strings.TrimPrefix(uri, "http://")
	return strings.TrimRight(uri, "/?# ")
}
