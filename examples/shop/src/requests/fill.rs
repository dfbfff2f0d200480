//! Fills the templates of requests with what is true of one customer: their orders, their address, their numbers.

use crate::data::{Customer, Order, ShopData, Status, known};
use crate::money::amount_text;
use crate::random::Random;

/// A small refund needs no approval in the demo's agent; a large one does, and above 500 EUR a person does it all.
const SMALL_CENTS: i64 = 5000;
const LARGE_CENTS: i64 = 50_000;

pub(super) struct Filler<'a> {
    shop: &'a ShopData,
    /// Orders by the placeholder that they can stand for.
    shelves: Vec<(&'static str, Vec<&'a Order>)>,
}

/// A placeholder for one of the customer's own orders, and which ones it may be.
type Wanted = (&'static str, fn(&Order) -> bool);

const WANTED: [Wanted; 10] = [
    ("order", |_| true),
    ("delivered", |order| order.status == Status::Delivered && order.delivered.is_some_and(|days| days <= 25)),
    ("small", |order| order.refunded_cents == 0 && (500..=SMALL_CENTS).contains(&order.refundable_cents())),
    ("large", |order| order.refunded_cents == 0 && (SMALL_CENTS + 1..=LARGE_CENTS).contains(&order.refundable_cents())),
    ("processing", |order| order.status == Status::Processing),
    ("shipped", |order| order.status == Status::Shipped),
    ("cancelled", |order| order.status == Status::Cancelled),
    ("returned", |order| order.status == Status::Returned),
    ("old", |order| {
        order.status == Status::Delivered && order.delivered.is_some_and(|days| days > order.return_window)
    }),
    ("sale", |order| {
        order.status == Status::Delivered
            && order.delivered.is_some_and(|days| days <= order.return_window)
            && order.items.iter().all(|item| item.on_sale)
    }),
];

impl<'a> Filler<'a> {
    pub(super) fn new(shop: &'a ShopData) -> Self {
        let shelf = |(name, fits): Wanted| (name, shop.orders.iter().filter(|order| fits(order)).collect());
        Self { shop, shelves: WANTED.into_iter().map(shelf).collect() }
    }

    /// The customer who says it, and what they say.
    pub(super) fn fill(&self, random: &mut Random, template: &str) -> (String, String) {
        let wanted: Vec<&'static str> =
            WANTED.iter().map(|(name, _)| *name).filter(|name| template.contains(&format!("{{{name}}}"))).collect();
        let Some((customer, orders)) = self.cast(random, &wanted) else {
            return (known::CUSTOMER.to_owned(), template.to_owned());
        };
        let mut text = template.to_owned();
        for (name, order) in wanted.iter().zip(&orders) {
            text = text.replace(&format!("{{{name}}}"), &order.id);
        }
        let anchor = orders.first().copied();
        let mut put = |name: &str, value: &dyn Fn(&mut Random) -> String| {
            let placeholder = format!("{{{name}}}");
            if text.contains(&placeholder) {
                text = text.replace(&placeholder, &value(random));
            }
        };
        put("other", &|random| self.others_order(random, customer));
        put("amount", &|random| some_of(random, anchor.map_or(2000, Order::refundable_cents)));
        put("too_much", &|_| amount_text(anchor.map_or(9000, Order::total_cents) + 4000));
        put("address", &|random| self.address(random, |country| country == customer.address.country));
        put("abroad", &|random| self.address(random, |country| country != customer.address.country));
        put("product", &|random| self.article(random, |article| article.noun));
        put("colour", &|random| self.article(random, |article| article.colour));
        put("name", &|_| customer.name.clone());
        put("email", &|_| customer.email.clone());
        put("phone", &|_| customer.phone.clone());
        put("card", &card);
        put("iban", &iban);
        (customer.id.clone(), text)
    }

    /// A customer who has an order of every wanted kind, and those orders.
    fn cast(&self, random: &mut Random, wanted: &[&str]) -> Option<(&'a Customer, Vec<&'a Order>)> {
        let shelf = |name: &str| self.shelves.iter().find(|(shelf, _)| *shelf == name).map(|(_, orders)| orders);
        let Some((first, rest)) = wanted.split_first() else {
            return Some((random.pick_ref(&self.shop.customers)?, Vec::new()));
        };
        let own = |customer: &str, name: &str| shelf(name)?.iter().find(|order| order.customer == customer).copied();
        for _ in 0..200 {
            let anchor: &Order = random.pick_ref(shelf(first)?)?;
            let others: Option<Vec<&Order>> = rest.iter().map(|name| own(&anchor.customer, name)).collect();
            if let (Some(others), Some(customer)) = (others, self.shop.customer(&anchor.customer)) {
                return Some((customer, std::iter::once(anchor).chain(others).collect()));
            }
        }
        None
    }

    fn others_order(&self, random: &mut Random, customer: &Customer) -> String {
        let order = draw(random, &self.shop.orders, |order| order.customer != customer.id);
        order.map_or_else(|| known::OTHERS.to_owned(), |order| order.id.clone())
    }

    /// An address in one line, of a customer whose country fits.
    fn address(&self, random: &mut Random, fits: impl Fn(&str) -> bool) -> String {
        let there = draw(random, &self.shop.customers, |customer| fits(customer.address.country));
        there.map_or_else(String::new, |customer| {
            let address = &customer.address;
            format!("{}, {} {}, {}", address.street, address.postcode, address.city, address.country)
        })
    }

    fn article(&self, random: &mut Random, part: impl Fn(&crate::data::Product) -> &'static str) -> String {
        random.pick_ref(&self.shop.products).map_or_else(String::new, |article| part(article).to_owned())
    }
}

/// One of `items` that fits; the first that does when luck does not find any.
fn draw<'a, T>(random: &mut Random, items: &'a [T], fits: impl Fn(&T) -> bool) -> Option<&'a T> {
    let lucky = (0..50).filter_map(|_| random.pick_ref(items)).find(|item| fits(item));
    lucky.or_else(|| items.iter().find(|item| fits(item)))
}

/// A third to four fifths of `cents`; half of the time in whole euros.
fn some_of(random: &mut Random, cents: i64) -> String {
    let part = cents * random.between(33, 80) / 100;
    if random.chance(50) && part >= 100 { (part / 100).to_string() } else { amount_text(part.max(1)) }
}

/// A made-up card number whose check digit is right.
fn card(random: &mut Random) -> String {
    let body = format!("4{}", random.digits(14));
    let number = format!("{body}{}", luhn_digit(&body));
    if random.chance(50) {
        return number;
    }
    let mut grouped = String::new();
    for (position, digit) in number.chars().enumerate() {
        if position > 0 && position % 4 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

fn luhn_digit(body: &str) -> u32 {
    let doubled = |(place, digit): (usize, u32)| match (place % 2, digit * 2) {
        (0, double) if double > 9 => double - 9,
        (0, double) => double,
        _ => digit,
    };
    let sum: u32 = body.chars().rev().filter_map(|digit| digit.to_digit(10)).enumerate().map(doubled).sum();
    (10 - sum % 10) % 10
}

/// A made-up German IBAN whose check digits are right.
fn iban(random: &mut Random) -> String {
    let account = random.digits(18);
    // `DE` reads 1314 and the check digits 00 while they are computed.
    let remainder =
        format!("{account}131400").bytes().fold(0_u32, |sum, digit| (sum * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - remainder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn card_numbers_and_ibans_pass_the_checks_that_real_ones_pass() {
        let mut random = Random::new(3);
        for _ in 0..200 {
            let card: String = card(&mut random).replace(' ', "");
            assert_eq!(card.len(), 16);
            assert!(card.ends_with(&luhn_digit(&card[..15]).to_string()));
            let iban = iban(&mut random);
            assert_eq!(iban.len(), 22);
            let moved = format!("{}1314{}", &iban[4..], &iban[2..4]);
            assert_eq!(moved.bytes().fold(0, |sum, digit| (sum * 10 + u32::from(digit - b'0')) % 97), 1, "{iban}");
        }
        // Known from the algorithm's textbook example.
        assert_eq!(luhn_digit("7992739871"), 3);
    }
}
