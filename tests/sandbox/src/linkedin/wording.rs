//! Invented texts: names, places and the words of forms in several languages. Data only.

use super::forms::Topic;

/// A form's language, as a place in every table below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Locale(usize);

const LOCALES: [(&str, &str, &str); 4] =
    [("de_DE", "DE", "de"), ("en_US", "US", "en"), ("fr_FR", "FR", "fr"), ("ja_JP", "JP", "ja")];

/// A text in each language, in the order of `LOCALES`.
type Words = [&'static str; 4];

impl Locale {
    pub(crate) const EN: Self = Self(1);

    /// Languages in turn.
    pub(crate) fn nth(number: u64) -> Self {
        Self((number % LOCALES.len() as u64) as usize)
    }

    // A locale is made only by `nth` and `EN`, so it is below the length of every table here.

    /// `<language>_<COUNTRY>`.
    pub(crate) fn key(self) -> &'static str {
        LOCALES[self.0].0
    }

    pub(crate) fn country(self) -> &'static str {
        LOCALES[self.0].1
    }

    pub(crate) fn language(self) -> &'static str {
        LOCALES[self.0].2
    }

    fn of(self, words: &Words) -> &'static str {
        words[self.0]
    }
}

/// First names with their spelling in an e-mail address.
pub(crate) const FIRST_NAMES: [(&str, &str); 16] = [
    ("Tove", "tove"),
    ("Jürgen", "juergen"),
    ("Zoë", "zoe"),
    ("D’Arcy", "darcy"),
    ("Anne-Sophie", "annesophie"),
    ("Łukasz", "lukasz"),
    ("太郎", "taro"),
    ("𠮷乃", "yoshino"),
    ("Mira", "mira"),
    ("O\"Brien", "obrien"),
    ("Søren", "soren"),
    ("Ines 🌻", "ines"),
    ("Ngọc", "ngoc"),
    ("Иван", "ivan"),
    ("Ada", "ada"),
    (" Kim ", "kim"),
];

/// Last names with their spelling in an e-mail address.
pub(crate) const LAST_NAMES: [(&str, &str); 16] = [
    ("Berg", "berg"),
    ("Müller-Lüdenscheidt", "mueller"),
    ("O'Neil", "oneil"),
    ("van der Meer", "vandermeer"),
    ("𠮷田", "yoshida"),
    ("Núñez", "nunez"),
    ("Kolb", "kolb"),
    ("Ångström", "angstrom"),
    ("Smith", "smith"),
    ("Back\\slash", "backslash"),
    ("Šimůnek", "simunek"),
    ("Петров", "petrov"),
    ("Tab\tStop", "tabstop"),
    ("Lee", "lee"),
    ("de la Cruz", "delacruz"),
    ("Yılmaz", "yilmaz"),
];

/// Cities; the last is longer than 80 characters.
pub(crate) const CITIES: [&str; 8] = [
    "Berlin",
    "Zürich",
    "大阪市",
    "Saint-Remy-en-Bouzemont-Saint-Genest-et-Isson",
    "São Paulo",
    "Winston-Salem",
    "Kraków",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch on the Isle of Anglesey, Wales",
];

pub(crate) const STATES: [&str; 4] = ["Bayern", "North Carolina", "Île-de-France", "大阪府"];
pub(crate) const JOB_TITLES: [&str; 6] =
    ["Head of Pumps", "Ingénieure d’études", "購買担当", "VP \"Growth\" & Sales", "Trainee", "R&D <lead>"];
pub(crate) const COMPANIES: [&str; 6] = [
    "Kolb Pumps",
    "Example GmbH & Co. KG",
    "株式会社例",
    "Fjord\\Flow AS",
    "Acme 🚀 Labs",
    "L'Atelier \"Nord\"",
];
pub(crate) const COMPANY_SIZES: [&str; 4] = ["1-10", "51-200", "201-500", "10001+"];

const COUNTRIES: [Words; 3] = [
    ["Deutschland", "Germany", "Allemagne", "ドイツ"],
    ["Japan", "Japan", "Japon", "日本"],
    ["Frankreich", "France", "France", "フランス"],
];
const FUNCTIONS: [Words; 3] = [
    ["Ingenieurwesen", "Engineering", "Ingénierie", "エンジニアリング"],
    ["Einkauf", "Purchasing", "Achats", "購買"],
    ["Vertrieb", "Sales", "Ventes", "営業"],
];
const SENIORITIES: [Words; 3] = [
    ["Leitende Position", "Director", "Direction", "ディレクター"],
    ["Berufseinsteiger", "Entry", "Débutant", "新人"],
    ["Inhaber", "Owner", "Propriétaire", "オーナー"],
];
const INDUSTRIES: [Words; 3] = [
    ["Maschinenbau", "Machinery", "Machines", "機械"],
    ["Softwareentwicklung", "Software Development", "Logiciels", "ソフトウェア開発"],
    ["Wasserversorgung", "Water Supply", "Eau", "水道"],
];
const OPTIONS: [Words; 4] = [
    ["In 3 Monaten", "Within 3 months", "Dans 3 mois", "3か月以内"],
    ["Dieses Jahr", "This year", "Cette année", "今年中"],
    ["Später", "Later", "Plus tard", "後で"],
    ["Nie; nur neugierig 🙂", "Never, just curious 🙂", "Jamais, simple curiosité 🙂", "興味のみ 🙂"],
];
const CONSENTS: [Words; 2] = [
    [
        "Ich bin einverstanden, kontaktiert zu werden.",
        "I agree to be contacted.",
        "J’accepte d’être contacté.",
        "連絡を受けることに同意します。",
    ],
    [
        " Ich möchte den Newsletter erhalten. ",
        " Send me the newsletter. ",
        " Envoyez-moi la lettre d’information. ",
        "ニュースレターを希望します。",
    ],
];

/// One entry of a table, by a hash.
pub(crate) fn pick<T: Copy>(table: &[T], hash: u64) -> T {
    // The remainder is below the length, and no table is empty.
    table[(hash % table.len() as u64) as usize]
}

pub(crate) fn country(locale: Locale, hash: u64) -> &'static str {
    locale.of(&pick(&COUNTRIES, hash))
}

pub(crate) fn job_function(locale: Locale, hash: u64) -> &'static str {
    locale.of(&pick(&FUNCTIONS, hash))
}

pub(crate) fn seniority(locale: Locale, hash: u64) -> &'static str {
    locale.of(&pick(&SENIORITIES, hash))
}

pub(crate) fn industry(locale: Locale, hash: u64) -> &'static str {
    locale.of(&pick(&INDUSTRIES, hash))
}

pub(crate) fn option(locale: Locale, id: u64) -> &'static str {
    locale.of(&pick(&OPTIONS, id))
}

pub(crate) fn consent(locale: Locale, id: u64) -> &'static str {
    locale.of(&pick(&CONSENTS, id))
}

pub(crate) fn headline(locale: Locale) -> &'static str {
    locale.of(&["Whitepaper anfordern", "Get the whitepaper", "Recevoir le livre blanc", "資料請求"])
}

pub(crate) fn description(locale: Locale) -> &'static str {
    locale.of(&["Kostenlos als PDF", "Free of charge, as a PDF", "Gratuit, en PDF", "無料PDF"])
}

pub(crate) fn thanks(locale: Locale) -> &'static str {
    locale.of(&["Vielen Dank!", "Thank you!", "Merci !", "ありがとうございます"])
}

pub(crate) fn disclaimer(locale: Locale) -> &'static str {
    locale.of(&[
        "Hinweise zur Verarbeitung",
        "How we use your data",
        "Traitement des données",
        "データの取り扱い",
    ])
}

/// What a question is called in a language.
pub(crate) fn label(locale: Locale, topic: Topic) -> &'static str {
    locale.of(match topic {
        Topic::FirstName => &["Vorname", "First name", "Prénom", "名"],
        Topic::LastName => &["Nachname", "Last name", "Nom", "姓"],
        Topic::Email => &["E-Mail-Adresse", "Email address", "Adresse e-mail", "メールアドレス"],
        Topic::WorkEmail => &["Geschäftliche E-Mail", "Work email", "E-mail professionnel", "勤務先メール"],
        Topic::PhoneNumber => &["Telefonnummer", "Phone number", "Téléphone", "電話番号"],
        Topic::WorkPhoneNumber => {
            &["Telefon geschäftlich", "Work phone number", "Téléphone professionnel", "勤務先電話"]
        }
        Topic::LinkedinProfileLink => {
            &["LinkedIn-Profil", "LinkedIn profile link", "Profil LinkedIn", "プロフィール"]
        }
        Topic::City => &["Ort", "City", "Ville", "市区町村"],
        Topic::State => &["Bundesland", "State/Province", "Région", "都道府県"],
        Topic::Country => &["Land", "Country/Region", "Pays", "国"],
        Topic::ZipCode => &["Postleitzahl", "Zip code", "Code postal", "郵便番号"],
        Topic::JobTitle => &["Position", "Job title", "Intitulé du poste", "役職"],
        Topic::JobFunction => &["Tätigkeitsbereich", "Job function", "Fonction", "職務"],
        Topic::Seniority => &["Karrierestufe", "Seniority", "Niveau hiérarchique", "職位"],
        Topic::CompanyName => &["Unternehmen", "Company name", "Entreprise", "会社名"],
        Topic::CompanySize => &["Unternehmensgröße", "Company size", "Taille de l’entreprise", "会社規模"],
        Topic::Industry => &["Branche", "Industry", "Secteur", "業界"],
        Topic::Choice => {
            &["Wann planen Sie den Kauf?", "When do you plan to buy?", "Quand achetez-vous ?", "購入予定は？"]
        }
        Topic::MultipleChoice => {
            &["Was trifft zu?", "What applies?", "Que choisissez-vous ?", "該当するものは？"]
        }
        Topic::Text => &["Ihre Anwendung?", "Your application?", "Votre application ?", "用途は？"],
    })
}
