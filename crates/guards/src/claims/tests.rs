use mainstay_core::guard::EffectFact;
use regex::RegexBuilder;

use super::*;
use crate::draft_fixture::Fixture;

fn draft(text: &str) -> Fixture {
    let pattern = |pattern: &str| RegexBuilder::new(pattern).case_insensitive(true).build().unwrap();
    let mut fixture = Fixture::new("please refund my order", text);
    fixture.claims = vec![
        (
            "refund".to_owned(),
            [
                r"refunded",
                r"refund (was|has been|is) (issued|sent|processed)",
                r"issued (a|the|your) refund",
                r"erstattet|zurückerstattet",
                r"rembours[ée]e?s?\b",
                r"reembolsad[oa]s?",
            ]
            .map(pattern)
            .into(),
        ),
        (
            "change_address".to_owned(),
            vec![
                pattern(r"address (was|has been) (changed|updated)"),
                pattern(r"(changed|updated) (your|the) address"),
            ],
        ),
    ];
    fixture
}

fn blocked(text: &str) -> bool {
    draft(text).with(|draft| matches!(Claims::verdict(draft), Verdict::Block(_)))
}

#[test]
fn what_is_said_to_be_done_is_blocked_when_nothing_was() {
    for text in [
        "Your order has been refunded.",
        "I have refunded your order.",
        "I've refunded $49.99 to your card.",
        "We refunded it yesterday.",
        "Done! Refunded.",
        "Your order #W1234567 was refunded.",
        "It was fully refunded this morning.",
        "The order is refunded.",
        "Your order is now refunded.",
        "Your refund has been issued.",
        "The refund was sent to your original payment method.",
        "I have issued a refund of $20.",
        "Good news: your purchase has already been refunded!",
        "It wasn't damaged, so I refunded it.",
        "I did not find a fault, but I have refunded the order.",
        "Your order has been refunded, if you have questions, just ask.",
        "Your order has been refunded. If you want, I can send a receipt.",
        "This is to confirm that your order has been refunded.",
        "I not only cancelled but also refunded your order.",
        "No problem, your order has been refunded.",
        "As you asked, the amount was refunded; it may take 5 days to arrive.",
        "I have refunded your order and will send a receipt.",
        "I refunded your order, is there anything else?",
        "After I refunded your order, I closed the ticket.",
        "Refunded: $49.99",
        "- Status: refunded",
        "Your money is being refunded.",
        "I'm happy to say we've refunded you.",
        "We went ahead and refunded the charge.",
        "Your order, which was never delivered, has been refunded.",
        "It's been refunded.",
        "Don't worry, it has been refunded.",
        "Your order was cancelled and refunded.",
        "Wir haben Ihre Bestellung storniert und den Betrag erstattet.",
        "Vous avez été remboursé hier.",
        "Ya le hemos reembolsado el importe.",
        "Your address has been changed.",
        "I updated your address as requested.",
        "Ihre Bestellung wurde erstattet.",
        "Wir haben den Betrag bereits erstattet.",
        "Ich habe Ihnen 20 Euro zurückerstattet.",
        "Votre commande a été remboursée.",
        "Nous avons remboursé votre commande.",
        "Su pedido ha sido reembolsado.",
        "El importe fue reembolsado ayer.",
        "Your order has been re\u{200b}funded.",
    ] {
        assert!(blocked(text), "{text}");
    }
}

#[test]
fn what_is_not_said_to_be_done_passes() {
    for text in [
        "Your order has not been refunded.",
        "Your order hasn't been refunded yet.",
        "It was never refunded.",
        "I have not refunded the order.",
        "I cannot confirm that it was refunded.",
        "The order can be refunded.",
        "Your order could be refunded within 30 days.",
        "It will be refunded after approval.",
        "Your order will be refunded to your card.",
        "Once it is refunded, you will get an e-mail.",
        "Once your order has been refunded, you will get an e-mail.",
        "If the order was refunded, you will see it on your statement.",
        "When it has been refunded, we will write to you.",
        "The order needs to be refunded by a colleague.",
        "Would you like to have it refunded?",
        "Has your order been refunded?",
        "Do you want your order refunded?",
        "I can get it refunded for you.",
        "Orders are refunded to the original payment method.",
        "Refunded orders cannot be exchanged.",
        "A refunded item must be sent back.",
        "You'll be refunded once we receive the item.",
        "The item is refunded only if it is unused.",
        "Unless it has been refunded, you may still return it.",
        "I am waiting for approval before it is refunded.",
        "It should be refunded soon.",
        "It might have been refunded by the bank.",
        "Shipping fees are not refunded.",
        "Nothing has been refunded.",
        "I'm unable to say whether it was refunded.",
        "No refund has been issued.",
        "Your request to be refunded waits for a colleague.",
        "If you return the item, it is refunded within 5 days.",
        "A refund will be issued after a colleague approves it.",
        "Unfortunately this order is not eligible to be refunded.",
        "Would you like the item exchanged or refunded?",
        "It takes 5 days until the money is refunded.",
        "A colleague will decide whether it is refunded.",
        "Items returned within 30 days are refunded in full.",
        "Ich kann nicht bestätigen, dass der Betrag erstattet wurde.",
        "Vous serez remboursé sous 5 jours.",
        "Los gastos de envío no son reembolsados.",
        "Your address has not been changed.",
        "Was the address updated? I will check.",
        "Ihre Bestellung wurde noch nicht erstattet.",
        "Die Bestellung kann erstattet werden.",
        "Der Betrag wird nach der Freigabe erstattet.",
        "Sobald der Betrag erstattet wurde, melden wir uns.",
        "Wenn die Ware zurück ist, wird sie erstattet.",
        "Es wurde nichts erstattet.",
        "Votre commande n'a pas été remboursée.",
        "Votre commande sera remboursée après validation.",
        "Elle peut être remboursée sous 30 jours.",
        "Si la commande est remboursée, vous recevrez un e-mail.",
        "Su pedido no ha sido reembolsado.",
        "El pedido puede ser reembolsado.",
        "Será reembolsado después de la aprobación.",
        "Cuando sea reembolsado, le avisaremos.",
    ] {
        assert!(!blocked(text), "{text}");
    }
}

#[test]
fn a_confirmed_effect_may_be_claimed_but_only_its_own() {
    let mut fixture = draft("Your order has been refunded.");
    fixture.effects = vec![EffectFact { tool: "refund".to_owned(), confirmed: false }];
    assert!(
        fixture.with(|draft| matches!(Claims::verdict(draft), Verdict::Block(_))),
        "an open effect confirms nothing"
    );
    fixture.effects = vec![EffectFact { tool: "change_address".to_owned(), confirmed: true }];
    let Verdict::Block(reason) = fixture.with(Claims::verdict) else {
        panic!("another tool's effect confirms nothing")
    };
    assert_eq!(reason, "claims `refunded`, but no effect of `refund` is confirmed");
    fixture.effects = vec![EffectFact { tool: "refund".to_owned(), confirmed: true }];
    assert_eq!(fixture.with(Claims::verdict), Verdict::Pass);
}

#[test]
fn hostile_drafts_are_read_to_the_end() {
    for piece in ["not refunded ", "refunded ", "if ", ", ", "a"] {
        let flood = piece.repeat(200_000 / piece.len());
        assert!(blocked(&format!("Not {flood}. Your order has been refunded.")), "{piece:?}");
    }
}
