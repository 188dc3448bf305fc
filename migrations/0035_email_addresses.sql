-- transactional: false
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, renaming-object
-- How text is compared, whatever the locale of the database and the libraries that PostgreSQL was built with: its own lower() does
-- nothing to É in the locale C, and the embedded PostgreSQL has no ICU. And e-mail addresses are unique as fold_email compares them.
-- An index on the function, not a column: addresses that the version before, or a DBA, writes are compared in the same way, and no
-- row of users is written anew. If two accounts have one address as it is compared now, the older one keeps it; the other one has
-- the older one's id in same_address_as, stands outside of the new index, and is found as before, by lower().
-- The version that is running goes on; where only the new index refuses an address, its sign-up fails with 500 in place of 409.
-- It keeps users_lower_email_key, users_guest_email_idx and users_box_office_guest_key, which a later release drops.
-- It may be stopped and run again from its beginning, also after a sign-up that makes the unique index fail.
-- Longest lock: access exclusive on users, for a column without a value, less than 2 ms.

set lock_timeout = '5s';

create or replace function fold_case(value text)
returns text
language plpgsql
immutable
strict
parallel safe
as $$
begin
    if octet_length(value) = char_length(value) then
        return lower(value collate "C");
    end if;
    return normalize(translate(
        normalize(value, nfd),
        'ABCDEFGHIJKLMNOPQRSTUVWXYZµÆÐØÞĐĦĲĿŁŊŒŦſƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǄǅǇǈǊǋǤǱǲǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊ'
        || 'ɌɎͅͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςϏϐϑϕϖϘϚϜϞϠϢϤϦϨϪϬϮϰϱϴϵϷϹϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠ'
        || 'ѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӃӅӇӉӋӍӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃ'
        || 'ՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍᏸᏹᏺᏻᏼᏽᲀᲁᲂᲃᲄᲅᲆᲇᲈᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩ'
        || 'ᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿẞỺỼỾℲⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟ'
        || 'ⰠⰡⰢⰣⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞ'
        || 'ꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅ'
        || 'ꟆꟇꟉꟐꟖꟘꟵꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿＡＢＣＤＥＦＧＨＩＪＫＬＭ'
        || 'ＮＯＰＱＲＳＴＵＶＷＸＹＺ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺'
        || '𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸'
        || '𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡',
        'abcdefghijklmnopqrstuvwxyzμæðøþđħĳŀłŋœŧsɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǆǆǉǉǌǌǥǳǳƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋ'
        || 'ɍɏιͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωσϗβθφπϙϛϝϟϡϣϥϧϩϫϭϯκρθεϸϲϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэюяѡ'
        || 'ѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӄӆӈӊӌӎӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճ'
        || 'մյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭᏰᏱᏲᏳᏴᏵвдосттъѣꙋაბგდევზთიკლმნოპჟრსტუფქღყშჩ'
        || 'ცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿßỻỽỿⅎⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏ'
        || 'ⱐⱑⱒⱓⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟ'
        || 'ꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂ'
        || 'ᶎꟈꟊꟑꟗꟙꟶᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯａｂｃｄｅｆｇｈｉｊｋｌｍ'
        || 'ｎｏｐｑｒｓｔｕｖｗｘｙｚ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡'
        || '𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘'
        || '𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃'
    ), nfc);
end
$$;

comment on function fold_case is
'A text in NFC without differences of case, by Unicode''s case folding (CaseFolding.txt, 14.0), but one character stays one: ß is not ss.';

create or replace function punycode(label text)
returns text
language plpgsql
immutable
strict
parallel safe
as $$
declare
    digits constant text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    codes constant integer[] := array(select ascii(each.letter) from string_to_table(label, null) as each (letter));
    encoded text := regexp_replace(label, '[^\u0001-\u007f]', '', 'g');
    basic constant integer := char_length(encoded);
    handled integer := basic;
    n integer := 128;
    delta integer := 0;
    bias integer := 72;
    code integer;
    next_code integer;
    q integer;
    k integer;
    t integer;
begin
    if basic > 0 then
        encoded := encoded || '-';
    end if;
    while handled < cardinality(codes) loop
        next_code := (select min(each.code) from unnest(codes) as each (code) where each.code >= n);
        delta := delta + (next_code - n) * (handled + 1);
        n := next_code;
        foreach code in array codes loop
            if code < n then
                delta := delta + 1;
            elsif code = n then
                q := delta;
                k := 36;
                loop
                    t := least(greatest(k - bias, 1), 26);
                    exit when q < t;
                    encoded := encoded || substr(digits, t + (q - t) % (36 - t) + 1, 1);
                    q := (q - t) / (36 - t);
                    k := k + 36;
                end loop;
                encoded := encoded || substr(digits, q + 1, 1);
                delta := case when handled = basic then delta / 700 else delta / 2 end;
                delta := delta + delta / (handled + 1);
                k := 0;
                while delta > 455 loop
                    delta := delta / 35;
                    k := k + 36;
                end loop;
                bias := k + 36 * delta / (delta + 38);
                delta := 0;
                handled := handled + 1;
            end if;
        end loop;
        delta := delta + 1;
        n := n + 1;
    end loop;
    return 'xn--' || encoded;
end
$$;

comment on function punycode is 'A label of a domain name in ASCII (RFC 3492, 6.3, with its variables'' names).';

-- The domain as UTS 46 maps it: ß and ς are letters of their own, and some characters are left out.
create or replace function fold_domain(domain text)
returns text
language sql
immutable
strict
parallel safe
-- noqa: disable=RF03
return (
    select
        string_agg(
            case
                when octet_length(part.label) = char_length(part.label) or char_length(part.label) > 63 then part.label
                else punycode(part.label)
            end,
            '.' order by part.place
        )
    from string_to_table(
        translate(
            replace(
                fold_case(
                    replace(
                        normalize(
                            regexp_replace(
                                domain, '[\u00ad\u034f\u180b-\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff]', '', 'g'
                            ),
                            nfkc
                        ),
                        'ς',
                        U&'\E000'
                    )
                ),
                U&'\E000',
                'ς'
            ),
            '。',
            '.'
        ),
        '.'
    ) with ordinality as part (label, place)
);
-- noqa: enable=RF03

comment on function fold_domain is 'A domain name in lower case and in ASCII, as names are registered.';

create or replace function fold_email(email text)
returns text
language sql
immutable
strict
parallel safe
return case
    when octet_length(email) = char_length(email) then lower(email collate "C")
    else replace(
        replace(fold_case(regexp_replace(email, '[^@]*$', '')), 'ß', 'ss'),
        U&'i\0307', -- what İ becomes, which lower() makes an i
        'i'
    ) || coalesce(fold_domain(substring(email from '[^@]*$')), '')
end;

comment on function fold_email is
'An e-mail address as it is compared: NFC, case folded, the domain in ASCII. Strict, so that its body is not made part of plans.';

alter table users add column if not exists same_address_as bigint;

comment on column users.same_address_as is
'An older account whose address is the same as this one, as fold_email compares them; this one is found by lower(email). Mostly null.';

drop index concurrently if exists users_same_address_as_idx;

-- For `reservation audit`, and for the account that gets the address when the older one is erased.
create index concurrently if not exists users_same_address_as_idx on users (same_address_as) where same_address_as is not null;

-- Only addresses with other characters than ASCII have others that are the same and that lower() does not find.
update users as u set same_address_as = same.first_id
from (
    select
        each.id,
        min(each.id) over (partition by fold_email(each.email)) as first_id
    from users as each
    where
        each.same_address_as is null
        and fold_email(each.email) in (
            select fold_email(other.email) from users as other
            where octet_length(other.email) <> char_length(other.email)
        )
) as same
where u.id = same.id and same.id <> same.first_id;

-- Guests of the box office are found by address and name.
update users as u set same_address_as = same.first_id
from (
    select
        each.id,
        min(each.id) over (partition by fold_email(each.guest_email), each.name) as first_id
    from users as each
    where
        each.made_at_box_office
        and each.same_address_as is null
        and fold_email(each.guest_email) in (
            select fold_email(other.guest_email) from users as other
            where other.made_at_box_office and octet_length(other.guest_email) <> char_length(other.guest_email)
        )
) as same
where u.id = same.id and same.id <> same.first_id;

drop index concurrently if exists users_folded_email_key;

create unique index concurrently if not exists users_folded_email_key on users (fold_email(email)) where same_address_as is null;

drop index concurrently if exists users_folded_guest_email_idx;

create index concurrently if not exists users_folded_guest_email_idx on users (fold_email(guest_email), id)
where guest_email is not null;

drop index concurrently if exists users_folded_box_office_guest_key;

create unique index concurrently if not exists users_folded_box_office_guest_key on users (fold_email(guest_email), name)
where made_at_box_office and same_address_as is null;

comment on column users.email is 'As typed at sign-up; unique and looked up as fold_email compares it. Null for a guest.';

create or replace function erase_user()
returns trigger
language plpgsql
as $$
begin
    new.name := 'Erased';
    -- Random: addresses are unique, and no account has this one.
    if new.role = 'guest' then
        new.guest_email := gen_random_uuid() || '@erased.invalid';
    else
        new.email := gen_random_uuid() || '@erased.invalid';
        new.role := 'user';
    end if;
    new.same_address_as := null;
    new.password_hash := '!';
    new.disabled_at := coalesce(new.disabled_at, now());
    return new;
end
$$;

-- Security definer, since the role of the service may not write this column.
create or replace function give_address_to_next()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format(
        'update %1$I.users as u set same_address_as = nullif(next.id, u.id)
        from (select min(n.id) as id from %1$I.users as n where n.same_address_as = $1) as next
        where u.same_address_as = $1',
        tg_table_schema
    ) using new.id;
    return null;
end
$$;

comment on function give_address_to_next is
'The oldest of the accounts whose address is the same as that of an account that has another one now is found by it from then on.';

revoke execute on function give_address_to_next from public;

create or replace trigger users_address_changed
after update of email, guest_email, erased_at on users
for each row
when (old.email is distinct from new.email or old.guest_email is distinct from new.guest_email)
execute function give_address_to_next();

do $$
begin
    if to_regprocedure('grant_reservation_roles_0034()') is null then
        alter procedure grant_reservation_roles() rename to grant_reservation_roles_0034;
    end if;
end
$$;

create or replace procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0034();
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (same_address_as) on users to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
