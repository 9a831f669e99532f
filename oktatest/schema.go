package oktatest

import (
	"fmt"
	"slices"
)

// A dataType is the type that the user schema gives an attribute.
type dataType uint8

const (
	stringType dataType = iota
	integerType
	numberType
	booleanType
	stringArray
	numberArray
	integerArray
)

func (t dataType) isArray() bool { return t >= stringArray }

// element is the type of an array's elements.
func (t dataType) element() dataType {
	switch t {
	case stringArray:
		return stringType
	case numberArray:
		return numberType
	case integerArray:
		return integerType
	}
	return t
}

// An attrID is the place of an attribute in the schema.
type attrID int8

const (
	attrLogin attrID = iota
	attrFirstName
	attrLastName
	attrMiddleName
	attrHonorificPrefix
	attrHonorificSuffix
	attrEmail
	attrTitle
	attrDisplayName
	attrNickName
	attrProfileURL
	attrSecondEmail
	attrMobilePhone
	attrPrimaryPhone
	attrStreetAddress
	attrCity
	attrState
	attrZipCode
	attrCountryCode
	attrPostalAddress
	attrPreferredLanguage
	attrLocale
	attrTimezone
	attrUserType
	attrEmployeeNumber
	attrCostCenter
	attrOrganization
	attrDivision
	attrDepartment
	attrManagerID
	attrManager

	attrBadge
	attrFloor
	attrContractor
	attrFTE
	attrProjects

	attrs
	baseAttrs        = attrBadge
	noAttr    attrID = -1
)

// schema is the user schema: the 31 base attributes in Okta's order, then the org's custom ones, one
// of each type. The per-mille says how many of the generated users have a value.
var schema = [attrs]struct {
	name     string
	typ      dataType
	perMille uint64
}{
	attrLogin:             {"login", stringType, 1000},
	attrFirstName:         {"firstName", stringType, 1000},
	attrLastName:          {"lastName", stringType, 1000},
	attrMiddleName:        {"middleName", stringType, 100},
	attrHonorificPrefix:   {"honorificPrefix", stringType, 50},
	attrHonorificSuffix:   {"honorificSuffix", stringType, 20},
	attrEmail:             {"email", stringType, 1000},
	attrTitle:             {"title", stringType, 880},
	attrDisplayName:       {"displayName", stringType, 850},
	attrNickName:          {"nickName", stringType, 80},
	attrProfileURL:        {"profileUrl", stringType, 60},
	attrSecondEmail:       {"secondEmail", stringType, 250},
	attrMobilePhone:       {"mobilePhone", stringType, 600},
	attrPrimaryPhone:      {"primaryPhone", stringType, 300},
	attrStreetAddress:     {"streetAddress", stringType, 450},
	attrCity:              {"city", stringType, 800},
	attrState:             {"state", stringType, 700},
	attrZipCode:           {"zipCode", stringType, 500},
	attrCountryCode:       {"countryCode", stringType, 850},
	attrPostalAddress:     {"postalAddress", stringType, 40},
	attrPreferredLanguage: {"preferredLanguage", stringType, 400},
	attrLocale:            {"locale", stringType, 400},
	attrTimezone:          {"timezone", stringType, 600},
	attrUserType:          {"userType", stringType, 750},
	attrEmployeeNumber:    {"employeeNumber", stringType, 960},
	attrCostCenter:        {"costCenter", stringType, 750},
	attrOrganization:      {"organization", stringType, 800},
	attrDivision:          {"division", stringType, 600},
	attrDepartment:        {"department", stringType, 900},
	attrManagerID:         {"managerId", stringType, 880},
	attrManager:           {"manager", stringType, 400},

	attrBadge:      {"badge", stringType, 350},
	attrFloor:      {"floor", integerType, 300},
	attrContractor: {"contractor", booleanType, 250},
	attrFTE:        {"fte", numberType, 200},
	attrProjects:   {"projects", stringArray, 150},
}

// profileOrder is the order in which profiles show their attributes. Okta's is that of a hash map and
// promises nothing; ours only never looks like the schema's, so that nobody comes to rely on that.
var profileOrder = [attrs]attrID{
	attrLastName, attrManager, attrSecondEmail, attrManagerID, attrTitle, attrLogin, attrEmployeeNumber,
	attrDivision, attrFirstName, attrMobilePhone, attrDepartment, attrEmail, attrUserType, attrOrganization,
	attrCostCenter, attrDisplayName, attrCity, attrState, attrCountryCode, attrTimezone, attrZipCode, attrLocale,
	attrPreferredLanguage, attrStreetAddress, attrPrimaryPhone, attrPostalAddress, attrMiddleName, attrNickName,
	attrHonorificPrefix, attrHonorificSuffix, attrProfileURL, attrBadge, attrContractor, attrProjects, attrFloor, attrFTE,
}

var attrByName = func() map[string]attrID {
	m := make(map[string]attrID, attrs)
	for a := range attrs {
		m[schema[a].name] = a
	}
	return m
}()

// customProperties are the org's own attributes as a schema has them.
func customProperties() []*property {
	titles := map[attrID]string{attrBadge: "Badge number", attrFloor: "Floor", attrContractor: "Contractor", attrFTE: "Full-time equivalent", attrProjects: "Projects"}
	var list []*property
	for a := baseAttrs; a < attrs; a++ {
		list = append(list, &property{name: schema[a].name, title: titles[a], typ: schema[a].typ, gen: a, minLength: none, maxLength: none,
			permission: "READ_ONLY", scope: "NONE", mutability: "READ_WRITE"})
	}
	return list
}

var dataTypeNames = [...]string{stringType: "string", integerType: "integer", numberType: "number", booleanType: "boolean",
	stringArray: "array of string", numberArray: "array of number", integerArray: "array of integer"}

// MarshalText writes the type for an org's file.
func (t dataType) MarshalText() ([]byte, error) { return []byte(dataTypeNames[t]), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *dataType) UnmarshalText(text []byte) error {
	at := slices.Index(dataTypeNames[:], string(text))
	if at < 0 {
		return fmt.Errorf("there is no type %q", text)
	}
	*t = dataType(at)
	return nil
}
