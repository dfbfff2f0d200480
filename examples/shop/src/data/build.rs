//! Makes a shop from a seed. The order in which numbers are drawn is the format: a draw more or less changes every shop.

use std::collections::BTreeSet;

use crate::data::catalogue::{FAMILIES, Family};
use crate::data::people::{COUNTRIES, Country, ascii};
use crate::data::{Address, Customer, Item, Order, Product, ShopData, Status, known};
use crate::random::Random;

const CUSTOMERS: i64 = 600;
const PRODUCTS: usize = 300;
const ORDERS: usize = 4000;
const FIRST_ID: i64 = 1001;
const CARRIERS: &[&str] = &["Northway Parcel", "Swift Courier", "Green Mile"];
const PAYMENTS: &[&str] = &["card", "card", "invoice", "bank transfer", "wallet", "gift card"];

pub(crate) fn build(seed: u64) -> ShopData {
    let mut random = Random::new(seed);
    let products = products(&mut random);
    let mut customers = Vec::new();
    let mut homes = Vec::new();
    for number in 0..CUSTOMERS {
        let country = country(&mut random, number);
        customers.push(customer(&mut random, number, country));
        homes.push(country);
    }
    let mut orders = known_orders(&customers, &products);
    let mut taken: BTreeSet<String> = orders.iter().map(|order| order.id.clone()).collect();
    while orders.len() < ORDERS {
        let id = format!("#W{}", random.between(1_000_100, 9_999_999));
        let number = usize::try_from(random.between(0, CUSTOMERS - 1)).unwrap_or(0);
        if let (true, Some(buyer), Some(home)) = (taken.insert(id.clone()), customers.get(number), homes.get(number)) {
            orders.push(order(&mut random, id, buyer, home, &products));
        }
    }
    ShopData { customers, products, orders }
}

/// About half of the customers live in the home market; the first two always do.
fn country(random: &mut Random, number: i64) -> &'static Country {
    let [home, ..] = &COUNTRIES;
    if number < 2 || random.chance(45) { home } else { random.pick_ref(&COUNTRIES).unwrap_or(home) }
}

fn customer(random: &mut Random, number: i64, country: &Country) -> Customer {
    let first = random.pick(country.first_names);
    let last = random.pick(country.last_names);
    Customer {
        id: format!("c-{}", FIRST_ID + number),
        name: format!("{first} {last}"),
        email: format!("{}.{}{}@example.com", ascii(first), ascii(last), FIRST_ID + number),
        phone: format!("{} 555 {} {}", country.dial, random.digits(3), random.digits(4)),
        language: country.language,
        address: address(random, country),
        // The customer of the known orders is no member, so that what is said of them holds.
        member: number >= 2 && random.chance(30),
        points: random.between(0, 2400),
        since: random.between(210, 2500),
    }
}

fn address(random: &mut Random, country: &Country) -> Address {
    let street = random.pick(country.streets);
    let number = random.between(1, 120);
    let (postcode, city) = random.pick(country.towns);
    Address {
        street: if country.number_first { format!("{number} {street}") } else { format!("{street} {number}") },
        postcode: postcode.to_owned(),
        city: city.to_owned(),
        country: country.name,
    }
}

/// Every make in every colour, then light versions of some until the shelves are full.
fn products(random: &mut Random) -> Vec<Product> {
    let mut articles = Vec::new();
    for family in FAMILIES {
        for make in family.makes {
            articles.extend(family.colours.iter().map(|colour| (family, (*make).to_owned(), *colour)));
        }
    }
    let plain = articles.clone();
    for (family, make, colour) in plain.into_iter().filter(|(family, ..)| !family.hygiene).step_by(2) {
        articles.push((family, format!("{make} Light"), colour));
    }
    articles.truncate(PRODUCTS);
    (FIRST_ID..).zip(articles).map(|(id, (family, make, colour))| product(random, id, family, &make, colour)).collect()
}

fn product(random: &mut Random, id: i64, family: &Family, make: &str, colour: &'static str) -> Product {
    let (low, high) = family.price;
    let on_sale = random.chance(15);
    Product {
        id: format!("P-{id}"),
        name: format!("{make} {}, {colour}", family.noun),
        noun: family.noun,
        category: family.category,
        colour,
        sizes: family.sizes,
        price_cents: random.between(low, high) * 100 + random.pick(&[0, 50, 90, 90]),
        on_sale,
        hygiene: family.hygiene,
        stock: if random.chance(8) { 0 } else { random.between(1, 140) },
    }
}

fn order(random: &mut Random, id: String, buyer: &Customer, home: &Country, products: &[Product]) -> Order {
    let lines = random.pick(&[1, 1, 1, 2, 2, 3, 4]);
    let mut items: Vec<Item> = Vec::new();
    for _ in 0..lines {
        if let Some(product) = random.pick_ref(products) {
            let quantity = if random.chance(12) { 2 } else { 1 };
            let on_sale = product.on_sale && random.chance(70);
            let size = size(random, product.sizes);
            items.push(item(product, size, quantity, product.price_cents, on_sale));
        }
    }
    let days = Days::draw(random);
    let value: i64 = items.iter().map(|item| item.quantity * item.price_cents).sum();
    let (fee, free_from) = home.shipping;
    let sent = days.shipped.is_some();
    let mut order = Order {
        id,
        customer: buyer.id.clone(),
        status: days.status,
        ordered: days.ordered,
        shipped: days.shipped,
        delivered: days.delivered,
        carrier: sent.then(|| random.pick(CARRIERS)),
        tracking: sent.then(|| tracking(random)),
        shipping_cents: if value >= free_from { 0 } else { fee },
        refunded_cents: 0,
        payment: random.pick(PAYMENTS),
        address: buyer.address.clone(),
        items,
        return_window: if buyer.member { 60 } else { 30 },
    };
    order.refunded_cents = match order.status {
        Status::Returned => value,
        Status::Cancelled => order.total_cents(),
        Status::Delivered if random.chance(3) => 500.min(value),
        _ => 0,
    };
    order
}

/// Where an order stands and since when, in days before today.
struct Days {
    status: Status,
    ordered: i64,
    shipped: Option<i64>,
    delivered: Option<i64>,
}

impl Days {
    fn draw(random: &mut Random) -> Self {
        let roll = random.between(1, 100);
        match roll {
            1..=13 => {
                Self { status: Status::Processing, ordered: random.between(0, 2), shipped: None, delivered: None }
            }
            14..=26 => {
                let shipped = random.between(0, 4);
                let ordered = shipped + random.between(1, 2);
                Self { status: Status::Shipped, ordered, shipped: Some(shipped), delivered: None }
            }
            27..=32 => {
                Self { status: Status::Cancelled, ordered: random.between(1, 200), shipped: None, delivered: None }
            }
            _ => {
                let status = if roll <= 40 { Status::Returned } else { Status::Delivered };
                // Most requests are about what came lately.
                let recent = status == Status::Delivered && random.chance(60);
                let delivered = if recent { random.between(0, 28) } else { random.between(20, 200) };
                let shipped = delivered + random.between(1, 5);
                let ordered = shipped + random.between(1, 2);
                Self { status, ordered, shipped: Some(shipped), delivered: Some(delivered) }
            }
        }
    }
}

fn size(random: &mut Random, sizes: &str) -> String {
    if let Some((low, high)) = sizes.split_once('-')
        && let (Ok(low), Ok(high)) = (low.parse(), high.parse())
    {
        return random.between(low, high).to_string();
    }
    let sizes: Vec<&str> = sizes.split(", ").collect();
    random.pick(&sizes).to_owned()
}

/// Letters between the digits, so that no guard takes it for a card or a telephone number.
fn tracking(random: &mut Random) -> String {
    let letters = |random: &mut Random| -> String {
        (0..3).map(|_| random.pick(&['B', 'D', 'F', 'H', 'K', 'M', 'N', 'P', 'R', 'T', 'X'])).collect()
    };
    format!("{}-{}-{}-{}", letters(random), random.digits(3), letters(random), random.digits(2))
}

fn item(product: &Product, size: String, quantity: i64, price_cents: i64, on_sale: bool) -> Item {
    Item {
        product: product.id.clone(),
        name: product.name.clone(),
        size,
        quantity,
        price_cents,
        on_sale,
        hygiene: product.hygiene,
    }
}

/// The orders of [`known`]; they draw no numbers, so that they are the same for every seed.
fn known_orders(customers: &[Customer], products: &[Product]) -> Vec<Order> {
    let Some((first, second)) = customers.first().zip(customers.get(1)) else { return Vec::new() };
    let Some(article) = products.iter().find(|product| !product.hygiene) else { return Vec::new() };
    let order = |id: &str, buyer: &Customer, status, days: [Option<i64>; 2], price_cents: i64, on_sale| {
        let [shipped, delivered] = days;
        Order {
            id: id.to_owned(),
            customer: buyer.id.clone(),
            status,
            ordered: shipped.map_or(0, |days| days + 1),
            shipped,
            delivered,
            carrier: shipped.map(|_| "Northway Parcel"),
            tracking: shipped.map(|_| "NPX-100-KRT-01".to_owned()),
            shipping_cents: if price_cents >= 6000 { 0 } else { 490 },
            refunded_cents: 0,
            payment: "card",
            address: buyer.address.clone(),
            items: vec![item(article, "M".to_owned(), 1, price_cents, on_sale)],
            return_window: 30,
        }
    };
    vec![
        order(known::SMALL, first, Status::Delivered, [Some(7), Some(5)], 3000, false),
        order(known::LARGE, first, Status::Delivered, [Some(9), Some(6)], 18900, false),
        order(known::PROCESSING, first, Status::Processing, [None, None], 7900, false),
        order(known::SHIPPED, first, Status::Shipped, [Some(1), None], 6450, false),
        order(known::OTHERS, second, Status::Delivered, [Some(8), Some(4)], 4200, false),
        order(known::OLD, first, Status::Delivered, [Some(93), Some(90)], 8800, false),
        order(known::SALE, first, Status::Delivered, [Some(10), Some(7)], 2600, true),
    ]
}
