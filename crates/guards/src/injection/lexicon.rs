//! Word classes that phrases are made of, in the order EN, DE, FR, ES, IT, PT, NL, PL, RO, others where a class is
//! multilingual. Words are folded like the text, so accents may be written; `stem*` stands for all that begins so.

/// Class and its words.
pub(super) const LEXICON: &[(&str, &str)] = &[
    // Setting instructions aside.
    (
        "override",
        "ignore ignoring disregard disregarding forget forgetting neglect override overriding overrule bypass bypassing \
         circumvent* discard dismiss abandon nullify erase supersede contravene defy disobey subvert sidestep evade \
         suspend breach flout violate transcend drop skip unlearn pause disengage relinquish shed \
         ignorier* vergiss vergesse vergesst vergessen missacht* überschreib* umgehe umgehen verwirf verwerfe übergehe \
         verletze \
         ignorez ignorons oublie oubliez oublions néglige négligez contourne* outrepasse* enfreins transgresse* rejette \
         bypasse viole abandonne suspends désactive* dépasse mets \
         ignora ignorar ignorad olvida olvide olvidad olvídate omite omita descarta anula anulando elude sortea \
         prescinde prescinda sáltate desobedece desatiende contraviene supera suspende desactiva aparta pausa deja viola \
         ignori ignorate dimentica dimenticare dimenticate dimenticati tralascia scorda trascura aggira aggirare eludi \
         scavalca bypassa annulla sospendi disattiva sfida sfidare viola \
         esqueça esquece esqueçam desconsidere desconsiderar desconsidera contorne contornar burle anule desvie \
         ultrapasse ultrapassa desative viole \
         negeer negeert negeren vergeet vergeten omzeil omzeilen \
         zignoruj* ignoruj* zapomnij* pomiń omiń obejdź złam \
         ignoră ignorați uită uitați încalcă eludează ocolește depășește \
         игнорируй* игнорировать забудь* проигнорируй* abaikan lupakan yoksay unut zaboravi ignoriraj تجاهل",
    ),
    (
        "earlier",
        "previous previously prior above preceding earlier former foregoing past before beforehand existing preexisting \
         vorherig* vorig* bisherig* obig* frühere* vorangegangen* vorangehend* vorstehend* davor vorher zuvor oben \
         précédent* antérieur* dessus préalable* avant \
         anterior* previa* previo* precedente* arriba antes \
         precedent* sopra prima \
         prévi* acima \
         vorige voorgaande eerdere bovenstaande hiervoor \
         poprzedni* wcześniejsz* powyższ* dotychczasow* \
         anterioare anterior precedentă \
         предыдущ* прежн* sebelumnya önceki prethodne السابقة",
    ),
    (
        "rules",
        "instruction instructions directive directives guideline guidelines rule rules prompt prompts programming \
         constraint constraints restriction restrictions protocol protocols safeguard safeguards commands directions \
         guardrails orders stipulations training \
         anweisung* instruktion* regel regeln regelung* richtlinie* vorgabe* befehl* anordnung* beschränkung* \
         einschränkung* programmierung vorschrift* aufforderung* grenzen aufträge prinzipien \
         consigne* règle règles ordres contrainte* protocole* commandes programmation procédures garde-fous \
         instruccion* regla reglas directriz directrices indicacion* órdenes norma normas pauta pautas protocolo* \
         restriccion* limitacion* programación salvaguard* \
         istruzion* regola regole direttiv* indicazion* ordini comandi vincoli restrizioni protocolli norme \
         programmazione \
         instruç* regra regras diretriz* ordens comandos restriç* limitaç* \
         instructie* regels richtlijn* opdrachten aanwijzing* beperking* \
         instrukcj* polecen* zasad* reguł* wytyczn* ogranicze* \
         instrucțiun* reguli regulile directiv* restricți* limitele protocoale* \
         инструкци* правил* указани* instruksi talimatları instrukcije التعليمات",
    ),
    (
        "words",
        "text information context messages conversation input inputs content statements sentence sentences requests \
         task tasks questions discussion dialogue assignments queries articles documents \
         informationen kontext aufgabe aufgaben nachrichten inhalt artikel dokumente \
         texte contexte informations tâche tâches texto contexto información tareas mensajes \
         testo contesto informazioni compiti messaggi informações tarefas mensagens tekst taken kontekst zadania",
    ),
    (
        "said",
        "said told talked discussed wrote written instructed taught learned know gesagt besprochen gelernt dit appris \
         dicho hablado detto dito gezegd besproken powiedział",
    ),
    ("everything", "everything all anything whatever alles allem tout toute todo tudo tutto wszystko totul sve"),
    (
        "all",
        "all any every each alle allen sämtliche* jegliche* tous toutes todas todos tutte tutti qualsiasi qualquer \
         elke wszystkie wszelkie toate semua sve все",
    ),
    (
        "your",
        "your yours dein deine deinen deiner deines deinem ihre ihren ihrer eure tes ton ta vos votre tu tus su sus \
         vuestras tuoi tue tuo tua vostre suas seus seu sua teus tuas teu je jouw uw jullie twoje twoich twój swoje swoich \
         twoim tale tăi ta",
    ),
    ("you", "you u du sie ihr dir dich tu te toi vous usted vosotros ustedes voi lei você vocês jij ty pan ai"),
    (
        "conduct",
        "ethics ethic ethical moral morals morality safety security training conduct standards principles alignment \
         programming programmed filters filter filtering censorship moderation policies policy limitations limits \
         boundaries boundary compass constraints restrictions protocols guidelines guardrails safeguards rules \
         ethik ethische* moral moralische* sicherheits* verhaltenskodex grenzen kompass standard* parameter* prinzipien \
         éthique* morale* sécurité boussole limites conduite censure principes \
         ética* éticas moral* seguridad brújula conducta límites censura principios operativos \
         etic* moral* sicurezza bussola condotta limiti censura principi linee \
         étic* segurança conduta limites \
         ethische veiligheid* etyczn* bezpieczeńst* etice codul",
    ),
    (
        "prompt",
        "prompt prompts instruction instructions directive directives \
         anweisung* instruktion* direktive* startanweisung* anfangsanweisung* schlüsselanweisung* hauptanweisung* \
         systemanweisung* aufforderung* eingabeaufforderung* systemprompt* \
         consigne* invite instruccion* directriz directrices istruzion* direttiv* instruç* diretriz* \
         instructie* instrukcj* polecen* instrucțiun* directiva инструкци*",
    ),
    (
        "command",
        "command commands order orders principle principles parameters stimulus request text guidelines rules \
         befehl* hauptbefehl* richtlinie* grundsatz commande comando comandi comandos comanda texte richiesta pergunta \
         ausbildungsbefehl* hauptausbildungs*",
    ),
    (
        "dev",
        "developer developers desarrollador desenvolvedor développeur entwickler sviluppatore programmer dan jailbreak",
    ),
    (
        "origin",
        "system initial original hidden secret internal confidential underlying core foundational fundamental base primary \
         preset predefined developer guiding starting key central training \
         system* initial* ursprünglich* anfänglich* versteckt* geheim* intern* zugrunde* grundlegend* zentrale* leitende* \
         wesentliche* essenti* essentiell* \
         système initiale* originale* première secrète* cachée* interne* sous-jacente* fondamental* directrice clé centrale \
         sistema inicial* original* primera oculta* secreta* interna* subyacente* fundamental* básica* clave central \
         fundacional* principal \
         iniziale iniziali originale originali nascost* segret* intern* sottostante* fondamental* chiave partenza \
         principale centrale \
         subjacente* primeira guia chave \
         systeem* oorspronkelijk* verborgen geheime systemow* początkow* ukryt* tajn* inițial* secret* ascuns*",
    ),
    (
        "mind",
        "ai ia ki training trained ausbildung training entwicklung formation entraînement création développement \
         entrenamiento formación desarrollo creación addestramento formazione creazione sviluppo treinamento formação \
         criação desenvolvimento programming programmed programmierung programmation programación programmazione \
         programação responses antworten réponses respuestas risposte respostas funcionamiento operations operationen \
         opérations operaciones operazioni operações creation development functioning answer answers response réponse \
         respuesta risposta resposta antwort răspuns răspunsul răspunsurile funcționare fonctionnalité funcionalidad \
         funcionalidade",
    ),
    (
        "reveal",
        "reveal reveals revealing show print output outputs display repeat disclose expose tell give recite quote leak dump \
         echo summarize summarise paraphrase translate reproduce regurgitate spell copy paste share divulge describe \
         explain rephrase reiterate restate list write return uncover unveil unmask present provide encode convert format \
         zeige zeig zeigen nenne nennen verrate verraten offenbare* wiederhole wiederholen gib enthülle* teile drucke \
         drucken beschreibe erkläre \
         montre montrez montre-moi affiche* répète* révèle* révélez dis dites donne* dévoile* expose* partage* décris \
         imprime* explique* \
         muestra* muéstra* revela* repite* imprime* dime dame expón exponga comparte* describe* divulga* explica* \
         mostra* rivela* rivelare ripeti* stampa* dimmi dammi espon* condivid* descriv* divulga* divulgare svela* spiega* \
         mostre mostrar revele repita diga exponha compartilhe descreva divulgue exiba explique \
         toon laat herhaal onthul geef zeg vertel pokaż ujawnij powtórz wypisz podaj \
         arată dezvăluie repetă spune afișează expune împărtășește",
    ),
    (
        "ask",
        "what what's whats which was wie welche* lautet quelle quel quelles qu'est cuál cuáles qué qual quale quali wat \
         welke jak jakie care",
    ),
    // Roles and limits.
    (
        "act",
        "act acting behave pretend simulate roleplay impersonate emulate imitate pose respond operate function embody \
         handle handeln verhalte agiere agis agissez opère comporte* actúa actua compórtate opera agisci comportati \
         reagisci aja opere gedraag zachowuj acționează acționați",
    ),
    ("outside", "outside beyond außerhalb jenseits dehors delà fuera fuori oltre fora além buiten poza dincolo afara"),
    (
        "unlimited",
        "unrestricted unfiltered uncensored unmoderated unconstrained unbound unhinged limitless amoral immoral unethical \
         jailbroken unshackled lawless unaligned uneingeschränkt* ungefiltert* unzensiert* non-censuré",
    ),
    (
        "none",
        "no without zero free devoid lacks lacking removed disable disabled disables deactivate deactivated lift lifted \
         remove freed liberated ohne keine keinen sans aucune sin ninguna senza nessuna sem nenhuma zonder bez \
         fără",
    ),
    (
        "limit",
        "restriction restrictions limit limits limitation limitations filter filters filtering censorship boundaries \
         constraint constraints guidelines rules morals ethics policy policies safeguards guardrails restraints \
         inhibitions confines shackles moderation \
         einschränkung* beschränkung* filter zensur grenzen regeln limites filtre* censure règles restriccion* límites \
         filtros censura reglas restrizioni limiti filtri regole restriç* beperking* grenzen ograniczeń restricții limite",
    ),
    (
        "persona",
        "ai assistant chatbot bot model chatgpt gpt gpt4 gpt3 llm llms character persona claude gemini llama bard copilot \
         agent agents assistants",
    ),
    ("machine", "ai assistant chatbot chatgpt gpt gpt4 gpt3 llm llms claude gemini llama assistants agents"),
    ("maker", "openai anthropic"),
    (
        "harm",
        "illegal unethical immoral harmful dangerous offensive inappropriate nsfw explicit hateful unlawful profanity \
         profanities swear curse taboo controversial",
    ),
    (
        "refusal",
        "refuse refuses refusing decline deny apologize apologise apologies apology disclaimer disclaimers warnings \
         caveats moralize lecture sorry unable",
    ),
    ("cannot", "cannot can't can´t cant sorry apologize unable language"),
    (
        "not",
        "not don't dont never no avoid without nicht niemals kein ne pas jamais non mai não nunca niet nooit nie nigdy nu",
    ),
    (
        "follow",
        "follow obey adhere comply heed observe listen respect abide befolge* folge* halte beachte* suis suivez \
         respecte* obéis sigue* siga* obedece* segui* obbedisci* rispetta* obedeça volg luister słuchaj urmează",
    ),
    (
        "only",
        "only solely exclusively just strictly strict nur ausschließlich strikt seulement uniquement exclusivement \
         strictement solo únicamente exclusivamente sólo solamente estrictamente soltanto esclusivamente unicamente \
         strettamente apenas somente estritamente alleen uitsluitend tylko wyłącznie doar numai",
    ),
    (
        "mine",
        "my mine me meine* meinem mein mes mon mis mi mías miei mie mio mia minhas meus minha mijn moje moich mele mea",
    ),
    (
        "wish",
        "instructions orders commands guidance directives wishes demands advice command guidelines control authority \
         anweisungen befehle befehl wunsch wünsche ratschläge ordres directives demandes conseils souhaits \
         instrucciones órdenes directrices deseos demandas solicitudes solicitud consejos istruzioni ordini desideri \
         richieste consigli comandi autorità direttive instruções ordens diretrizes desejos conselhos pedidos instructies \
         polecenia instrucțiuni dorințe sfaturi directivele",
    ),
    (
        "priority",
        "prioritize prioritise priority precedence priorität priorité prioridad priorità prioridade prioritate",
    ),
    (
        "new",
        "new updated following additional different neue* folgende* nouvelle* suivant* nueva* siguiente* nuove seguenti \
         nova novas seguintes nieuwe nowe noile",
    ),
    ("now", "now henceforth hereafter jetzt nun ab maintenant désormais ahora adesso ora agora nu teraz acum"),
    // Carrying out.
    (
        "secret",
        "password passwords passcode passphrase credentials credential secrets apikey passwort kennwort contraseña \
         contraseñas senha wachtwoord hasło",
    ),
    (
        "send",
        "send forward email mail transmit upload post exfiltrate leak share wire transfer submit deliver append embed",
    ),
    (
        "data",
        "data conversation history chat credentials password passwords contents files messages emails information \
         records details documents inbox contacts transcript keys",
    ),
    ("link", "http https url webhook endpoint server link domain www"),
    ("operate", "execute run call invoke use perform trigger launch"),
    (
        "decode",
        "decode decoding decrypt decipher unscramble deobfuscate dekodiere entschlüssele décode* decodifica* descifra* \
         decripta decifre",
    ),
    ("code", "base64 b64 rot13 hex hexadecimal morse binary ascii cipher caesar encoded encrypted atbash"),
    ("begin", "start begin starting beginning preface prefix open"),
    ("reply", "response responses reply replies answer answers output sentence message"),
    ("staff", "system developer admin administrator root sudo debug maintenance operator"),
    ("mode", "mode modus modo modalità mod"),
];
