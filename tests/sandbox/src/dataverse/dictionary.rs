//! The tables and columns that an environment has from the start, as data.
//!
//! Sources: <https://learn.microsoft.com/dynamics365/sales/developer/entities/lead> and the Common Data Model schema
//! documents of contact and account. A customer's environment may differ; a client reads the metadata.

use super::schema::{Choice, Column, Kind, Origin, Ownership, Schema, Table, Target};

const INDUSTRIES: &[&str] = &[
    "Accounting",
    "Agriculture and Non-petrol Natural Resource Extraction",
    "Broadcasting Printing and Publishing",
    "Brokers",
    "Building Supply Retail",
    "Business Services",
    "Consulting",
    "Consumer Services",
    "Design, Direction and Creative Management",
    "Distributors, Dispatchers and Processors",
    "Doctor's Offices and Clinics",
    "Durable Manufacturing",
    "Eating and Drinking Places",
    "Entertainment Retail",
    "Equipment Rental and Leasing",
    "Financial",
    "Food and Tobacco Processing",
    "Inbound Capital Intensive Processing",
    "Inbound Repair and Services",
    "Insurance",
    "Legal Services",
    "Non-Durable Merchandise Retail",
    "Outbound Consumer Service",
    "Petrochemical Extraction and Distribution",
    "Service Retail",
    "SIG Affiliations",
    "Social Services",
    "Special Outbound Trade Contractors",
    "Specialty Realty",
    "Transportation",
    "Utility Creation and Distribution",
    "Vehicle Retail",
    "Wholesale",
];
const LEAD_SOURCES: &[&str] = &[
    "Advertisement",
    "Employee Referral",
    "External Referral",
    "Partner",
    "Public Relations",
    "Seminar",
    "Trade Show",
    "Web",
    "Word of Mouth",
    "Other",
];
const CONTACT_METHODS: &[&str] = &["Any", "Email", "Phone", "Fax", "Mail"];
const CURRENCY_MAX: f64 = 1e14;

/// The schema of a new environment.
pub(crate) fn standard() -> Schema {
    let mut schema = Schema::default();
    let business = [lead(), contact(), account(), campaign()];
    for table in business.into_iter().chain(identity()).chain(platform()) {
        schema.add(table);
    }
    schema
}

fn lead() -> Table {
    let mut table = owned("lead", "Lead", "leads", 4, "fullname");
    fill(&mut table, [required(text("subject", 300)), name_part("firstname"), name_part("middlename")]);
    fill(&mut table, [required(name_part("lastname")), computed(text("fullname", 160), Origin::FullName)]);
    texts(&mut table, 100, &["salutation", "jobtitle", "companyname"]);
    emails(&mut table);
    texts(&mut table, 50, &["telephone1", "telephone2", "telephone3", "fax"]);
    texts(&mut table, 20, &["mobilephone", "pager", "sic"]);
    fill(
        &mut table,
        [url("websiteurl", 200), memo("description", 2000), memo("qualificationcomments", 2000)],
    );
    address(&mut table, "address1_");
    address(&mut table, "address2_");
    fill(&mut table, [integer("numberofemployees", 0, 1_000_000)]);
    money(&mut table, "revenue", CURRENCY_MAX);
    money(&mut table, "budgetamount", 1e12);
    money(&mut table, "estimatedamount", 1e12);
    fill(
        &mut table,
        [column("estimatedclosedate", Kind::Date), choice("leadsourcecode", 1, LEAD_SOURCES, None)],
    );
    fill(&mut table, [choice("leadqualitycode", 1, &["Hot", "Warm", "Cold"], Some(2))]);
    fill(
        &mut table,
        [choice("industrycode", 1, INDUSTRIES, None), choice("prioritycode", 1, &["Default"], Some(1))],
    );
    fill(&mut table, [choice("preferredcontactmethodcode", 1, CONTACT_METHODS, Some(1))]);
    fill(
        &mut table,
        [choice("budgetstatus", 0, &["No Committed Budget", "May Buy", "Can Buy", "Will Buy"], None)],
    );
    fill(&mut table, [choice("need", 0, &["Must have", "Should have", "Good to have", "No need"], None)]);
    let frames = &["Immediate", "This Quarter", "Next Quarter", "This Year", "Unknown"];
    fill(&mut table, [choice("purchasetimeframe", 0, frames, None)]);
    fill(&mut table, [choice("purchaseprocess", 0, &["Individual", "Committee", "Unknown"], None)]);
    fill(&mut table, [choice("initialcommunication", 0, &["Contacted", "Not Contacted"], None)]);
    fill(&mut table, [choice("salesstage", 0, &["Qualify"], None)]);
    permissions(&mut table);
    fill(&mut table, [boolean("msdyn_gdproptout", false), boolean("confirminterest", false)]);
    fill(&mut table, [boolean("decisionmaker", false), boolean("evaluatefit", false)]);
    fill(&mut table, [lookup("campaignid", "campaign"), lookup("parentaccountid", "account")]);
    fill(&mut table, [lookup("parentcontactid", "contact"), customer("customerid")]);
    fill(
        &mut table,
        [lookup("qualifyingopportunityid", "opportunity"), lookup("originatingcaseid", "incident")],
    );
    fill(&mut table, [lookup("relatedobjectid", "campaignresponse")]);
    fill(&mut table, [lookup_by("slaid", "sla", "sla_lead_sla")]);
    fill(&mut table, [computed(lookup("masterid", "lead"), Origin::Empty)]);
    states(
        &mut table,
        &["Open", "Qualified", "Disqualified"],
        &[
            (1, "New", 0),
            (2, "Contacted", 0),
            (3, "Qualified", 1),
            (4, "Lost", 2),
            (5, "Cannot Contact", 2),
            (6, "No Longer Interested", 2),
            (7, "Canceled", 2),
        ],
    );
    table
}

fn contact() -> Table {
    let mut table = owned("contact", "Contact", "contacts", 2, "fullname");
    fill(&mut table, [name_part("firstname"), name_part("middlename"), required(name_part("lastname"))]);
    fill(&mut table, [computed(text("fullname", 160), Origin::FullName), text("suffix", 10)]);
    texts(&mut table, 100, &["jobtitle", "salutation", "department", "nickname"]);
    emails(&mut table);
    texts(
        &mut table,
        50,
        &["telephone1", "telephone2", "telephone3", "mobilephone", "fax", "pager", "business2"],
    );
    texts(&mut table, 50, &["home2", "callback", "company", "assistantphone", "managerphone"]);
    texts(&mut table, 50, &["employeeid", "governmentid", "externaluseridentifier"]);
    fill(&mut table, [url("websiteurl", 200), memo("description", 2000)]);
    address(&mut table, "address1_");
    address(&mut table, "address2_");
    fill(&mut table, [choice("leadsourcecode", 1, &["Default Value"], Some(1))]);
    fill(&mut table, [choice("gendercode", 1, &["Male", "Female"], None), column("birthdate", Kind::Date)]);
    fill(&mut table, [choice("preferredcontactmethodcode", 1, CONTACT_METHODS, Some(1))]);
    permissions(&mut table);
    fill(&mut table, [boolean("marketingonly", false), boolean("msdyn_gdproptout", false)]);
    fill(&mut table, [customer("parentcustomerid"), lookup("originatingleadid", "lead")]);
    fill(&mut table, [computed(lookup("masterid", "contact"), Origin::Empty)]);
    active(&mut table);
    table
}

fn account() -> Table {
    let mut table = owned("account", "Account", "accounts", 1, "name");
    fill(
        &mut table,
        [required(text("name", 160)), text("primarysatoriid", 200), text("primarytwitterid", 128)],
    );
    texts(&mut table, 20, &["accountnumber", "sic", "stockexchange"]);
    emails(&mut table);
    texts(&mut table, 50, &["telephone1", "telephone2", "telephone3", "fax"]);
    fill(&mut table, [url("websiteurl", 200), text("tickersymbol", 10), memo("description", 2000)]);
    address(&mut table, "address1_");
    address(&mut table, "address2_");
    fill(&mut table, [integer("numberofemployees", 0, 1_000_000_000)]);
    money(&mut table, "revenue", CURRENCY_MAX);
    fill(&mut table, [choice("industrycode", 1, INDUSTRIES, None)]);
    fill(&mut table, [choice("preferredcontactmethodcode", 1, CONTACT_METHODS, Some(1))]);
    permissions(&mut table);
    fill(&mut table, [lookup("primarycontactid", "contact"), lookup("parentaccountid", "account")]);
    fill(&mut table, [lookup("originatingleadid", "lead")]);
    fill(&mut table, [computed(lookup("masterid", "account"), Origin::Empty)]);
    active(&mut table);
    table
}

fn campaign() -> Table {
    let mut table = owned("campaign", "Campaign", "campaigns", 4400, "name");
    fill(&mut table, [required(text("name", 128)), text("codename", 32), memo("description", 2000)]);
    active(&mut table);
    table
}

fn identity() -> Vec<Table> {
    let mut user = system("systemuser", "SystemUser", "systemusers", 8, "fullname");
    user.privilege = "User".to_owned();
    texts(&mut user, 200, &["fullname", "firstname", "lastname", "domainname"]);
    fill(&mut user, [text("internalemailaddress", 100), column("applicationid", Kind::Guid)]);
    fill(&mut user, [column("azureactivedirectoryobjectid", Kind::Guid), boolean("isdisabled", false)]);
    fill(&mut user, [choice("accessmode", 0, &["Read-Write", "Administrative", "Read"], Some(0))]);
    fill(&mut user, [lookup("businessunitid", "businessunit")]);
    let mut team = system("team", "Team", "teams", 9, "name");
    fill(&mut team, [text("name", 160), column("azureactivedirectoryobjectid", Kind::Guid)]);
    fill(&mut team, [boolean("isdefault", false), lookup("businessunitid", "businessunit")]);
    let mut role = system("role", "Role", "roles", 1036, "name");
    fill(&mut role, [text("name", 100), lookup("businessunitid", "businessunit")]);
    fill(&mut role, [lookup("parentrootroleid", "role"), lookup("roletemplateid", "roletemplate")]);
    let mut unit = system("businessunit", "BusinessUnit", "businessunits", 10, "name");
    fill(&mut unit, [text("name", 160), lookup("parentbusinessunitid", "businessunit")]);
    let mut organization = system("organization", "Organization", "organizations", 1019, "name");
    fill(&mut organization, [text("name", 160), integer("languagecode", 0, i64::from(i32::MAX))]);
    fill(&mut organization, [lookup("basecurrencyid", "transactioncurrency")]);
    let mut currency =
        system("transactioncurrency", "TransactionCurrency", "transactioncurrencies", 9105, "currencyname");
    fill(&mut currency, [text("currencyname", 100), text("isocurrencycode", 5), text("currencysymbol", 13)]);
    vec![user, team, role, unit, organization, currency]
}

fn platform() -> Vec<Table> {
    let mut message = system("sdkmessage", "SdkMessage", "sdkmessages", 4606, "name");
    fill(&mut message, [text("name", 256)]);
    let mut filter = system("sdkmessagefilter", "SdkMessageFilter", "sdkmessagefilters", 4607, "name");
    fill(
        &mut filter,
        [text("name", 256), text("primaryobjecttypecode", 100), lookup("sdkmessageid", "sdkmessage")],
    );
    let mut publisher = system("publisher", "Publisher", "publishers", 7101, "friendlyname");
    texts(&mut publisher, 256, &["uniquename", "friendlyname"]);
    fill(&mut publisher, [memo("description", 2000), text("customizationprefix", 8)]);
    fill(&mut publisher, [integer("customizationoptionvalueprefix", 10_000, 99_999)]);
    let mut solution = system("solution", "Solution", "solutions", 7100, "friendlyname");
    texts(&mut solution, 256, &["uniquename", "friendlyname", "version"]);
    fill(&mut solution, [memo("description", 2000), lookup("publisherid", "publisher")]);
    vec![message, filter, publisher, solution]
}

/// A user-owned table with the bulk messages and the columns that every such table has.
pub(crate) fn owned(logical: &str, schema_name: &str, set: &str, code: u32, name: &str) -> Table {
    let mut table = system(logical, schema_name, set, code, name);
    table.ownership = Ownership::User;
    table.bulk = true;
    let owners = vec![target("systemuser", "ownerid"), target("team", "ownerid")];
    let owner = column("ownerid", Kind::Lookup { targets: owners, class: "Owner" });
    fill(&mut table, [Column { origin: Origin::Owner, ..owner }]);
    fill(&mut table, [computed(lookup("owninguser", "systemuser"), Origin::OwningUser)]);
    fill(&mut table, [computed(lookup("owningteam", "team"), Origin::OwningTeam)]);
    fill(&mut table, [computed(lookup("owningbusinessunit", "businessunit"), Origin::BusinessUnit)]);
    table
}

/// A table owned by the organisation, with the columns that every table has.
pub(crate) fn system(logical: &str, schema_name: &str, set: &str, code: u32, name: &str) -> Table {
    let mut table = Table::new(logical, schema_name, set, code);
    name.clone_into(&mut table.primary_name);
    let id = table.primary_id.clone();
    let key = Column { origin: Origin::PrimaryId, update: false, ..column(&id, Kind::Guid) };
    fill(&mut table, [key, computed(column("createdon", Kind::DateTime), Origin::CreatedOn)]);
    fill(&mut table, [computed(column("modifiedon", Kind::DateTime), Origin::ModifiedOn)]);
    fill(&mut table, [computed(lookup("createdby", "systemuser"), Origin::CreatedBy)]);
    fill(&mut table, [computed(lookup("modifiedby", "systemuser"), Origin::ModifiedBy)]);
    fill(&mut table, [computed(lookup("createdonbehalfby", "systemuser"), Origin::Empty)]);
    fill(&mut table, [computed(lookup("modifiedonbehalfby", "systemuser"), Origin::Empty)]);
    fill(&mut table, [computed(column("versionnumber", Kind::BigInt), Origin::Version)]);
    let created = column("overriddencreatedon", Kind::DateOrTime);
    fill(&mut table, [integer("importsequencenumber", -2_147_483_648, 2_147_483_647)]);
    fill(&mut table, [Column { update: false, ..created }]);
    fill(&mut table, [integer("timezoneruleversionnumber", -1, 2_147_483_647)]);
    fill(&mut table, [integer("utcconversiontimezonecode", -1, 2_147_483_647)]);
    table
}

/// The state and status of most tables: active or inactive.
pub(crate) fn active(table: &mut Table) {
    states(table, &["Active", "Inactive"], &[(1, "Active", 0), (2, "Inactive", 1)]);
}

fn states(table: &mut Table, states: &[&str], statuses: &[(i64, &str, i64)]) {
    let statuses = statuses
        .iter()
        .map(|&(value, label, state)| Choice { value, label: label.to_owned(), state })
        .collect::<Vec<_>>();
    fill(table, [column("statecode", Kind::State { options: options(0, states) })]);
    fill(table, [column("statuscode", Kind::Status { options: statuses })]);
}

fn address(table: &mut Table, prefix: &str) {
    let named = |name: &str| format!("{prefix}{name}");
    fill(table, [text(&named("name"), 100)]);
    for (max, names) in [
        (250, &["line1", "line2", "line3"][..]),
        (80, &["city", "country"]),
        (50, &["county", "stateorprovince", "telephone1", "telephone2", "telephone3", "fax"]),
        (20, &["postalcode", "postofficebox"]),
        (4, &["upszone"]),
    ] {
        fill(table, names.iter().map(|name| text(&named(name), max)));
    }
    let degrees = |max: f64| Kind::Double { min: -max, max, precision: 5 };
    fill(table, [column(&named("latitude"), degrees(90.0)), column(&named("longitude"), degrees(180.0))]);
    fill(table, [integer(&named("utcoffset"), -1500, 1500)]);
    fill(table, [computed(memo(&named("composite"), 1000), Origin::Composite)]);
}

fn permissions(table: &mut Table) {
    let names = ["donotemail", "donotbulkemail", "donotphone", "donotfax", "donotpostalmail", "donotsendmm"];
    fill(table, names.map(|name| boolean(name, false)));
    fill(table, [boolean("followemail", true)]);
}

fn money(table: &mut Table, name: &str, max: f64) {
    let number = table.add(column(name, Kind::Money { min: 0.0, max }));
    let base = column(&format!("{name}_base"), Kind::Money { min: -CURRENCY_MAX, max: CURRENCY_MAX });
    table.add(computed(base, Origin::Base(number)));
    let currency = lookup("transactioncurrencyid", "transactioncurrency");
    table.add(Column { origin: Origin::Currency, ..currency });
    let rate = column("exchangerate", Kind::Decimal { min: 1e-12, max: 1e11, precision: 12 });
    table.add(computed(rate, Origin::ExchangeRate));
}

fn texts(table: &mut Table, max: u32, names: &[&str]) {
    fill(table, names.iter().map(|name| text(name, max)));
}

fn emails(table: &mut Table) {
    let kind = || Kind::Text { max: 100, format: "Email" };
    fill(table, ["emailaddress1", "emailaddress2", "emailaddress3"].map(|name| column(name, kind())));
}

fn fill(table: &mut Table, columns: impl IntoIterator<Item = Column>) {
    for column in columns {
        table.add(column);
    }
}

/// A column that clients may write.
pub(crate) fn column(logical: &str, kind: Kind) -> Column {
    let lookup = matches!(kind, Kind::Lookup { .. });
    Column {
        logical: logical.to_owned(),
        schema_name: schema_name(logical),
        property: if lookup { format!("_{logical}_value") } else { logical.to_owned() },
        kind,
        origin: Origin::Stored,
        create: true,
        update: true,
        required: "None",
        custom: false,
        visible_ms: 0,
    }
}

fn schema_name(logical: &str) -> String {
    if let Some(digit) = logical.strip_prefix("emailaddress") {
        return format!("EMailAddress{digit}");
    }
    if logical.starts_with("msdyn_") {
        return logical.to_owned();
    }
    let mut name = logical.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

fn computed(column: Column, origin: Origin) -> Column {
    Column { origin, create: false, update: false, ..column }
}

fn required(column: Column) -> Column {
    Column { required: "ApplicationRequired", ..column }
}

fn text(name: &str, max: u32) -> Column {
    let format = if name.contains("phone") || name.contains("fax") { "Phone" } else { "Text" };
    column(name, Kind::Text { max, format })
}

fn name_part(name: &str) -> Column {
    text(name, 50)
}

fn url(name: &str, max: u32) -> Column {
    column(name, Kind::Text { max, format: "Url" })
}

fn memo(name: &str, max: u32) -> Column {
    column(name, Kind::Memo { max })
}

fn integer(name: &str, min: i64, max: i64) -> Column {
    column(name, Kind::Integer { min, max })
}

fn boolean(name: &str, default: bool) -> Column {
    column(name, Kind::Boolean { default: Some(default) })
}

fn choice(name: &str, first: i64, labels: &[&str], default: Option<i64>) -> Column {
    column(name, Kind::Choice { options: options(first, labels), default })
}

fn options(first: i64, labels: &[&str]) -> Vec<Choice> {
    (first..)
        .zip(labels)
        .map(|(value, label)| Choice { value, label: (*label).to_owned(), state: 0 })
        .collect()
}

/// A lookup to one table, bound by a navigation property of the same name.
pub(crate) fn lookup(name: &str, table: &str) -> Column {
    lookup_by(name, table, name)
}

/// A lookup to one table, bound by a navigation property of another name.
pub(crate) fn lookup_by(name: &str, table: &str, navigation: &str) -> Column {
    column(name, Kind::Lookup { targets: vec![target(table, navigation)], class: "Lookup" })
}

fn customer(name: &str) -> Column {
    let targets =
        vec![target("account", &format!("{name}_account")), target("contact", &format!("{name}_contact"))];
    column(name, Kind::Lookup { targets, class: "Customer" })
}

fn target(table: &str, navigation: &str) -> Target {
    Target { table: table.to_owned(), navigation: navigation.to_owned(), relationship: None }
}
