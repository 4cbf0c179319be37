//! Collections: filters against an oracle, paging, `In`, ordering, counting.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::service::{Service, id, send};

/// A lead of the small table that filters run on.
#[derive(Clone, Debug)]
struct Lead {
    number: u32,
    subject: Option<&'static str>,
    employees: Option<i64>,
    quality: i64,
    open: bool,
}

#[derive(Clone, Debug)]
enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Subject(&'static str, &'static str),
    SubjectNull(bool),
    Employees(&'static str, i64),
    Quality(&'static str, i64),
    Open(bool),
    Text(&'static str, &'static str),
    In(Vec<&'static str>),
    Key(u32),
}

const SUBJECTS: [&str; 5] = ["alpha", "Beta", "it's", "BETA max", ""];
const NEEDLES: [&str; 5] = ["a", "ETA", "'", "max", "zz"];
const OPERATORS: [&str; 6] = ["eq", "ne", "gt", "ge", "lt", "le"];

impl Filter {
    fn text(&self) -> String {
        let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
        match self {
            Self::And(left, right) => format!("({} and {})", left.text(), right.text()),
            Self::Or(left, right) => format!("({} or {})", left.text(), right.text()),
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::Subject(operator, text) => format!("subject {operator} {}", quote(text)),
            Self::SubjectNull(same) => format!("subject {} null", if *same { "eq" } else { "ne" }),
            Self::Employees(operator, number) => format!("numberofemployees {operator} {number}"),
            Self::Quality(operator, number) => format!("leadqualitycode {operator} {number}"),
            Self::Open(open) => format!("donotemail eq {open}"),
            Self::Text(function, text) => format!("{function}(subject,{})", quote(text)),
            Self::In(texts) => {
                let list = serde_json::to_string(texts).unwrap();
                format!("Microsoft.Dynamics.CRM.In(PropertyName='subject',PropertyValues={list})")
            }
            Self::Key(number) => format!("leadid eq {}", id(*number)),
        }
    }

    fn holds(&self, lead: &Lead) -> bool {
        let subject = lead.subject.map(str::to_lowercase);
        match self {
            Self::And(left, right) => left.holds(lead) && right.holds(lead),
            Self::Or(left, right) => left.holds(lead) || right.holds(lead),
            Self::Not(inner) => !inner.holds(lead),
            Self::Subject(operator, text) => {
                judge(operator, subject.map(|own| own.cmp(&text.to_lowercase())))
            }
            Self::SubjectNull(same) => subject.is_none() == *same,
            Self::Employees(operator, number) => judge(operator, lead.employees.map(|own| own.cmp(number))),
            Self::Quality(operator, number) => judge(operator, Some(lead.quality.cmp(number))),
            Self::Open(open) => lead.open == *open,
            Self::Text(function, text) => subject.is_some_and(|own| {
                let text = text.to_lowercase();
                match *function {
                    "contains" => own.contains(&text),
                    "startswith" => own.starts_with(&text),
                    _ => own.ends_with(&text),
                }
            }),
            Self::In(texts) => subject.is_some_and(|own| texts.iter().any(|text| text.to_lowercase() == own)),
            Self::Key(number) => lead.number == *number,
        }
    }
}

fn judge(operator: &str, order: Option<std::cmp::Ordering>) -> bool {
    match (operator, order) {
        ("ne", None) => true,
        (_, None) => false,
        ("eq", Some(order)) => order.is_eq(),
        ("ne", Some(order)) => order.is_ne(),
        ("gt", Some(order)) => order.is_gt(),
        ("ge", Some(order)) => order.is_ge(),
        ("lt", Some(order)) => order.is_lt(),
        (_, Some(order)) => order.is_le(),
    }
}

fn filters() -> impl Strategy<Value = Filter> {
    let operator = || prop::sample::select(OPERATORS.to_vec());
    let subject = || prop::sample::select(SUBJECTS.to_vec());
    let leaf = prop_oneof![
        (operator(), subject()).prop_map(|(operator, text)| Filter::Subject(operator, text)),
        any::<bool>().prop_map(Filter::SubjectNull),
        (operator(), 0_i64..5).prop_map(|(operator, number)| Filter::Employees(operator, number)),
        (operator(), 1_i64..4).prop_map(|(operator, number)| Filter::Quality(operator, number)),
        any::<bool>().prop_map(Filter::Open),
        (
            prop::sample::select(vec!["contains", "startswith", "endswith"]),
            prop::sample::select(NEEDLES.to_vec())
        )
            .prop_map(|(function, text)| Filter::Text(function, text)),
        prop::collection::vec(subject(), 0..4).prop_map(Filter::In),
        (0_u32..40).prop_map(Filter::Key),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| Filter::And(left.into(), right.into())),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| Filter::Or(left.into(), right.into())),
            inner.prop_map(|inner| Filter::Not(inner.into())),
        ]
    })
}

async fn fill(service: &Service) -> Vec<Lead> {
    let mut leads = Vec::new();
    for number in 0..40 {
        let at = number as usize;
        leads.push(Lead {
            number,
            subject: SUBJECTS.get(at % 6).copied(),
            employees: (number % 5 != 4).then_some(i64::from(number % 5)),
            quality: i64::from(number % 3) + 1,
            open: number % 2 == 0,
        });
    }
    let targets: Vec<Value> = leads
        .iter()
        .map(|lead| {
            json!({ "@odata.type": "Microsoft.Dynamics.CRM.lead", "leadid": id(lead.number), "subject": lead.subject,
                    "numberofemployees": lead.employees, "leadqualitycode": lead.quality, "donotemail": lead.open })
        })
        .collect();
    let answer =
        service.post("leads/Microsoft.Dynamics.CRM.UpsertMultiple", &json!({ "Targets": targets })).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    leads
}

fn ids(page: &Value) -> Vec<String> {
    page["value"].as_array().unwrap().iter().map(|row| row["leadid"].as_str().unwrap().to_owned()).collect()
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn filters_agree_with_an_oracle() {
    let service = Service::start().await;
    let leads = fill(&service).await;
    let mut runner = TestRunner::deterministic();
    let strategy = filters();
    for _ in 0..300 {
        let filter = strategy.new_tree(&mut runner).unwrap().current();
        let text = filter.text();
        let page = service.get(&format!("leads?$select=leadid&$filter={}", encode(&text))).await;
        assert_eq!(page.status, 200, "{text}: {}", page.text);
        let wanted: Vec<String> =
            leads.iter().filter(|lead| filter.holds(lead)).map(|lead| id(lead.number)).collect();
        assert_eq!(ids(&page.json()), wanted, "{text}");
    }
}

#[tokio::test]
async fn bad_filters_are_refused() {
    let service = Service::start().await;
    for (filter, code) in [
        ("subject", "0x80060888"),
        ("subject eq", "0x80060888"),
        ("subject eq 'x", "0x80060888"),
        ("subject eq 'x' and", "0x80060888"),
        ("(subject eq 'x'", "0x80060888"),
        ("subject eq 'x')", "0x80060888"),
        ("subject like 'x'", "0x80060888"),
        ("subject eq 5", "0x80060888"),
        ("leadid eq '0a0a0a0a-0000-5000-8000-000000000001'", "0x80060888"),
        ("numberofemployees eq '5'", "0x80060888"),
        ("createdon ge 2026-02-01", "0x80060888"),
        ("numberofemployees gt null", "0x80060888"),
        ("contains(numberofemployees,'1')", "0x80060888"),
        ("length(subject) eq 1", "0x80060888"),
        ("Subject eq 'x'", "0x0"),
        ("campaignid eq null", "0x0"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='Subject',PropertyValues=[\"x\"])", "0x80041103"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='subject',PropertyValues=['x'])", "0x80060888"),
        ("Microsoft.Dynamics.CRM.In(PropertyName='numberofemployees',PropertyValues=[5])", "0x80060888"),
        ("Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)", "0x80060888"),
        ("In(PropertyName='subject',PropertyValues=[\"x\"])", "0x80060888"),
    ] {
        let answer = service.get(&format!("leads?$filter={}", encode(filter))).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{filter}");
    }
    let many = vec!["subject eq 'x'"; 501].join(" or ");
    let answer = service.get(&format!("leads?$filter={}", encode(&many))).await;
    assert_eq!(answer.error(), (400, "0x8004430C".to_owned()));
}

#[tokio::test]
async fn in_takes_aliases_and_every_kind_of_column() {
    let service = Service::start().await;
    fill(&service).await;
    let first = format!("leads({})", id(1));
    service.patch(&first, &json!({ "emailaddress1": "Ada@Example.test", "numberofemployees": 77 })).await;
    service.patch(&format!("leads({})", id(2)), &json!({ "emailaddress1": "ada@example.test" })).await;
    for (column, values, wanted) in [
        ("emailaddress1", json!(["ADA@example.test", "none@example.test"]), vec![1, 2]),
        ("leadid", json!([id(3), id(1), id(3), id(999)]), vec![1, 3]),
        ("numberofemployees", json!(["77"]), vec![1]),
        ("subject", json!([]), vec![]),
    ] {
        let filter = "Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2) and statecode eq 0";
        let path = format!(
            "leads?$select=leadid&$filter={}&@p1={}&@p2={}",
            encode(filter),
            encode(&format!("'{column}'")),
            encode(&values.to_string())
        );
        let wanted: Vec<String> = wanted.into_iter().map(id).collect();
        assert_eq!(ids(&service.get(&path).await.json()), wanted, "{column}");
    }
    service.patch(&first, &json!({ "emailaddress1": "new@example.test" })).await;
    let by_mail = |mail: &str| format!("leads?$select=leadid&$filter=emailaddress1 eq '{mail}'");
    assert_eq!(ids(&service.get(&by_mail("ada@example.test")).await.json()), [id(2)]);
    assert_eq!(ids(&service.get(&by_mail("NEW@example.test")).await.json()), [id(1)]);
}

#[tokio::test]
async fn paging_gives_every_row_once_in_every_order() {
    let service = Service::start().await;
    fill(&service).await;
    for options in [
        "$select=leadid",
        "$select=subject&$orderby=subject desc,numberofemployees",
        "$filter=statecode eq 0",
    ] {
        let (mut seen, mut pages) = (Vec::new(), 0);
        let mut next = Some(format!("{}/api/data/v9.2/leads?{options}", service.origin));
        while let Some(url) = next {
            let path = url.strip_prefix(&format!("{}/api/data/v9.2/", service.origin)).unwrap();
            let page = send(service.request("GET", path).header("Prefer", "odata.maxpagesize=7")).await;
            assert_eq!(page.header("preference-applied"), "odata.maxpagesize=7");
            let page = page.json();
            assert!(page["value"].as_array().unwrap().len() <= 7);
            seen.extend(ids(&page));
            pages += 1;
            assert!(pages < 10, "{options}");
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
        assert_eq!(pages, 6, "{options}");
        seen.sort();
        assert_eq!(seen, (0..40).map(id).collect::<Vec<_>>(), "{options}");
    }
}

#[tokio::test]
async fn order_top_and_count_work_together() {
    let service = Service::start().await;
    fill(&service).await;
    let path = "leads?$select=leadid,numberofemployees&$orderby=numberofemployees desc&$top=3&$count=true";
    let page = service.get(path).await.json();
    assert_eq!(page["@odata.count"], 40);
    assert!(page.get("@odata.nextLink").is_none());
    assert_eq!(ids(&page), [id(3), id(8), id(13)]);
    let lowest = service.get("leads?$select=leadid&$orderby=numberofemployees&$top=1").await.json();
    assert_eq!(ids(&lowest), [id(4)], "null comes first");
    let sized =
        send(service.request("GET", "leads?$top=3").header("Prefer", "odata.maxpagesize=10")).await.json();
    assert_eq!(ids(&sized).len(), 10, "a page size makes the service ignore $top");
    assert_eq!(service.get("leads/$count?$filter=numberofemployees eq 1").await.text, "8");
}

#[tokio::test]
async fn a_path_through_a_lookup_can_be_filtered() {
    let service = Service::start().await;
    let filter = "sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq";
    let page =
        |table: &str| format!("sdkmessagefilters?$select=sdkmessagefilterid&$filter={filter} '{table}'");
    assert_eq!(service.get(&page("lead")).await.json()["value"].as_array().unwrap().len(), 1);
    assert_eq!(service.get(&page("team")).await.json()["value"].as_array().unwrap().len(), 0);
}
