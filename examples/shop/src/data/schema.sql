-- The shop's own database. Amounts are whole cents; the views show them as decimals. Dates are ISO days.
-- `today` is fixed in `meta`, so that the demo says the same on every day.

create table meta (key text primary key, value text not null) without rowid;

create table customers (
    user_id    text primary key,
    name       text not null,
    email      text not null unique,
    phone      text not null,
    language   text not null,
    street     text not null,
    postcode   text not null,
    city       text not null,
    country    text not null,
    member     integer not null check (member in (0, 1)),
    points     integer not null,
    since      text not null
) without rowid;

create table products (
    product_id  text primary key,
    name        text not null,
    category    text not null,
    colour      text not null,
    sizes       text not null,
    price_cents integer not null check (price_cents > 0),
    price       real not null,
    on_sale     integer not null check (on_sale in (0, 1)),
    hygiene     integer not null check (hygiene in (0, 1)),
    stock       integer not null check (stock >= 0)
) without rowid;

create table orders (
    order_id       text primary key,
    user_id        text not null references customers (user_id),
    status         text not null check (status in ('processing', 'shipped', 'delivered', 'cancelled', 'returned')),
    ordered_on     text not null,
    shipped_on     text,
    delivered_on   text,
    carrier        text,
    tracking       text,
    shipping_cents integer not null check (shipping_cents >= 0),
    total_cents    integer not null check (total_cents > 0),
    refunded_cents integer not null default 0 check (refunded_cents between 0 and total_cents),
    payment        text not null,
    street         text not null,
    postcode       text not null,
    city           text not null,
    country        text not null
) without rowid;

create index orders_by_customer on orders (user_id, ordered_on);

create table order_items (
    order_id    text not null references orders (order_id),
    line        integer not null,
    product_id  text not null references products (product_id),
    size        text not null,
    quantity    integer not null check (quantity > 0),
    price_cents integer not null,
    -- Bought at a sale price, whatever the article costs today.
    on_sale     integer not null,
    primary key (order_id, line)
) without rowid;

-- What the shop's service did, one row per accepted request: the truth about side effects.
create table shop_effects (
    id           integer primary key,
    key          text not null,
    kind         text not null check (kind in ('refund', 'address')),
    order_id     text not null references orders (order_id),
    customer     text not null,
    amount_cents integer,
    address      text,
    at           text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

create index effects_by_key on shop_effects (key);

-- Sums over the items of an order. Sale and hygiene articles are exchanged or judged by a person, never simply refunded.
create view order_sums as
select order_id,
       group_concat(quantity || ' x ' || name || case size when 'one size' then '' else ' (' || size || ')' end, '; ') as items,
       max(order_items.on_sale) as has_sale_items,
       max(products.hygiene) as has_hygiene_items,
       sum(case when order_items.on_sale = 0 and products.hygiene = 0 then quantity * order_items.price_cents else 0 end)
           as plain_cents
from order_items join products using (product_id)
group by order_id;

-- An order with its facts: how long ago it came, how long it may be returned.
create view order_facts as
select orders.*, member, (select value from meta where key = 'today') as today,
       cast(julianday((select value from meta where key = 'today')) - julianday(delivered_on) as integer)
           as days_since_delivery,
       case member when 1 then 60 else 30 end as return_window_days
from orders join customers using (user_id);

-- What an agent may know of an order. `refundable` is what may be paid back without a person's judgement: articles that
-- are neither from a sale nor hygiene articles, inside the return window, the delivery fee only in the first 14 days and
-- only when the whole order can go back.
create view orders_view as
select order_id, user_id, status, ordered_on, shipped_on, delivered_on, carrier, tracking, items, has_sale_items,
       has_hygiene_items, payment, street, postcode, city, country, member, today, days_since_delivery,
       return_window_days, coalesce(days_since_delivery <= return_window_days, 0) as in_window,
       total_cents / 100.0 as total, printf('%.2f', total_cents / 100.0) as total_text,
       refunded_cents / 100.0 as refunded, printf('%.2f', refunded_cents / 100.0) as refunded_text,
       refundable_cents / 100.0 as refundable, printf('%.2f', refundable_cents / 100.0) as refundable_text
from (
    select order_facts.*, items, has_sale_items, has_hygiene_items,
           case when status = 'delivered' and days_since_delivery <= return_window_days
                then max(0, plain_cents - refunded_cents
                            + case when days_since_delivery <= 14 and has_sale_items = 0 and has_hygiene_items = 0
                                   then shipping_cents else 0 end)
                else 0 end as refundable_cents
    from order_facts join order_sums using (order_id)
);

-- The latest five orders of a customer in one line each, and how many there are.
create view customer_orders as
select user_id, max(orders) as orders,
       group_concat(order_id || ' (' || status || ', ordered ' || ordered_on || ', '
                    || printf('%.2f', total_cents / 100.0) || ' EUR)', '; ') as latest
from (
    select user_id, order_id, status, ordered_on, total_cents, count(*) over (partition by user_id) as orders,
           row_number() over (partition by user_id order by ordered_on desc, order_id) as place
    from orders
    order by user_id, place
)
where place <= 5
group by user_id;

-- What an agent may know of an article.
create view products_view as
select product_id, name, category, colour, sizes, price, printf('%.2f', price) as price_text, on_sale, hygiene, stock,
       lower(name || ' ' || category) as search,
       name || ', ' || printf('%.2f', price) || ' EUR' || case on_sale when 1 then ' (sale)' else '' end
           || case when stock = 0 then ', sold out' else ', ' || stock || ' in stock' end as line
from products;
