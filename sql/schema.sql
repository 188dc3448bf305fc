-- The schema that the migrations make, written by `make schema`. Read it here; change it with a migration.
-- `reservation schema` prints the same for any database: compare the two to find changes made by hand.

CREATE FUNCTION public.erase_from_change_log() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    execute format(
        'update %I.change_log set before = null, after = null where person_id = $1', tg_table_schema
    ) using new.id;
    return null;
end
$_$;

COMMENT ON FUNCTION public.erase_from_change_log() IS 'Deletes the contents of the entries of change_log that concern a person who is erased; who changed what and when stays.';

CREATE FUNCTION public.erase_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

COMMENT ON FUNCTION public.erase_user() IS 'Replaces name, address and password of a user who is erased, and takes the role away. The row stays, since sales refer to it.';

CREATE FUNCTION public.find_limited(hold_ids uuid[], user_ids bigint[], showtime_ids bigint[], seats integer[], most_holds integer[], most_seats integer[], longest_s bigint) RETURNS TABLE(hold_id uuid, reached text)
    LANGUAGE plpgsql
    AS $$
declare
    -- No hold that was made before can be live.
    oldest timestamptz := now() - longest_s * interval '1 second';
begin
    perform set_config('lock_timeout', '300ms', true);
    perform u.id
    from users as u
    where u.id = any(user_ids)
    order by u.id
    for no key update;
    -- Another statement with a snapshot of its own: it sees what was committed before the locks were got.
    return query
    select
        counted.hold_id,
        case when counted.has_holds then 'MAX_HOLDS_PER_USER' else 'MAX_SEATS_PER_USER_PER_SHOWTIME' end
    from (
        select
            asked.hold_id,
            asked.most_holds <= (
                select count(*)
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.created_at > oldest
                    and r.status = 'held'
                    and r.expires_at > clock_timestamp()
                    and r.id <> asked.hold_id
            ) as has_holds,
            asked.most_seats < asked.seats + (
                select coalesce(sum(cardinality(r.seat_ids)), 0)
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.showtime_id = asked.showtime_id
                    and r.id <> asked.hold_id
                    and (r.status = 'confirmed' or (r.status = 'held' and r.expires_at > clock_timestamp()))
            ) as has_seats
        from unnest(hold_ids, user_ids, showtime_ids, seats, most_holds, most_seats)
            as asked (hold_id, user_id, showtime_id, seats, most_holds, most_seats)
    ) as counted
    where counted.has_holds or counted.has_seats;
end
$$;

COMMENT ON FUNCTION public.find_limited(hold_ids uuid[], user_ids bigint[], showtime_ids bigint[], seats integer[], most_holds integer[], most_seats integer[], longest_s bigint) IS 'Which of some holds a limit of their users refuses, and the limit. Locks the users until the end of the transaction, so that
of two holds at once the second is counted after the first is committed. Null in place of a limit: none. A hold does not count
itself.';

CREATE FUNCTION public.find_limited(hold_ids uuid[], user_ids bigint[], showtime_ids bigint[], seats integer[], most_holds integer[], most_seats integer[], longest_s bigint, seat_ids text[], most_unconfirmed integer[], cooling_s bigint) RETURNS TABLE(hold_id uuid, reached text)
    LANGUAGE plpgsql
    AS $$
declare
    -- No hold that was made before can be live.
    oldest timestamptz := now() - longest_s * interval '1 second';
    cooling_since timestamptz := now() - cooling_s * interval '1 second';
begin
    perform set_config('lock_timeout', '300ms', true);
    perform u.id
    from users as u
    where u.id = any(user_ids)
    order by u.id
    for no key update;
    -- Another statement with a snapshot of its own: it sees what was committed before the locks were got.
    return query
    select
        counted.hold_id,
        case
            when counted.has_holds then 'MAX_HOLDS_PER_USER'
            when counted.has_seats then 'MAX_SEATS_PER_USER_PER_SHOWTIME'
            else 'MAX_UNCONFIRMED_HOLDS_OF_SEAT'
        end
    from (
        select
            asked.hold_id,
            asked.most_holds <= recent.holds as has_holds,
            asked.most_seats < asked.seats + (
                select coalesce(sum(cardinality(r.seat_ids)), 0)
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.showtime_id = asked.showtime_id
                    and r.id <> asked.hold_id
                    and (r.status = 'confirmed' or (r.status = 'held' and r.expires_at > clock_timestamp()))
            ) as has_seats,
            asked.most_unconfirmed * 10 <= recent.tenths as has_unconfirmed
        from (
            select
                each.*,
                each.seat_list::bigint[] as seat_ids
            from unnest(hold_ids, user_ids, showtime_ids, seats, most_holds, most_seats, seat_ids, most_unconfirmed)
                as each (hold_id, user_id, showtime_id, seats, most_holds, most_seats, seat_list, most_unconfirmed)
            offset 0 -- so that the seats are read once
        ) as asked
        cross join
            lateral (
                select
                    count(*) filter (
                        where r.created_at > oldest and r.status = 'held' and r.expires_at > clock_timestamp()
                    ) as holds,
                    -- Ten that were given up at once, as customers do who choose other seats, count as one.
                    coalesce(sum(
                        case when r.cancelled_at < r.created_at + interval '30 seconds' then 1 else 10 end
                    ) filter (
                        where
                        asked.most_unconfirmed is not null
                        and r.confirmed_at is null
                        and r.created_at > cooling_since
                        -- The service itself cancels a hold that it does not answer.
                        and (r.cancelled_at is null or r.cancelled_by is not null)
                        and (
                            (r.showtime_id = asked.showtime_id and r.seat_ids && asked.seat_ids)
                            -- Seats that a hold had, and gave up before its end, count as well.
                            or exists (
                                select
                                from reservation_changes as c
                                where
                                    c.reservation_id = r.id
                                    and c.showtime_id = asked.showtime_id
                                    and c.seat_ids && asked.seat_ids
                            )
                        )
                    ), 0) as tenths
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.created_at > case
                        when asked.most_unconfirmed is null then oldest
                        else least(oldest, cooling_since)
                    end
                    and r.id <> asked.hold_id
            ) as recent
    ) as counted
    where counted.has_holds or counted.has_seats or counted.has_unconfirmed;
end
$$;

COMMENT ON FUNCTION public.find_limited(hold_ids uuid[], user_ids bigint[], showtime_ids bigint[], seats integer[], most_holds integer[], most_seats integer[], longest_s bigint, seat_ids text[], most_unconfirmed integer[], cooling_s bigint) IS 'Which of some holds a limit of their users refuses, and the limit. Locks the users until the end of the transaction, so that
of two holds at once the second is counted after the first is committed. Null in place of a limit: none. A hold does not count
itself.';

CREATE FUNCTION public.find_payment_showtime() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
begin
    new.showtime_id := coalesce(
        (select r.showtime_id from reservations as r where r.id = new.reservation_id),
        (select a.showtime_id from archived_reservations as a where a.id = new.reservation_id)
    );
    return new;
end
$$;

COMMENT ON FUNCTION public.find_payment_showtime() IS 'Writes payments.showtime_id for the version before, which leaves it out.';

CREATE FUNCTION public.find_refund_showtime() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
begin
    new.showtime_id := (select p.showtime_id from payments as p where p.id = new.payment_id);
    return new;
end
$$;

COMMENT ON FUNCTION public.find_refund_showtime() IS 'Writes refunds.showtime_id for the version before, which leaves it out.';

CREATE FUNCTION public.fold_case(value text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
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

COMMENT ON FUNCTION public.fold_case(value text) IS 'A text in NFC without differences of case, by Unicode''s case folding (CaseFolding.txt, 14.0), but one character stays one: ß is not ss.';

CREATE FUNCTION public.punycode(label text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
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

COMMENT ON FUNCTION public.punycode(label text) IS 'A label of a domain name in ASCII (RFC 3492, 6.3, with its variables'' names).';

CREATE FUNCTION public.fold_domain(domain text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT string_agg(CASE WHEN ((octet_length(part.label) = char_length(part.label)) OR (char_length(part.label) > 63)) THEN part.label ELSE public.punycode(part.label) END, '.'::text ORDER BY part.place) AS string_agg FROM string_to_table(translate(replace(public.fold_case(replace(NORMALIZE(regexp_replace(fold_domain.domain, '[\u00ad\u034f\u180b-\u180f\u200b\u2060\u2064\ufe00-\ufe0f\ufeff]'::text, ''::text, 'g'::text), NFKC), 'ς'::text, ''::text)), ''::text, 'ς'::text), '。'::text, '.'::text), '.'::text) WITH ORDINALITY part(label, place));

COMMENT ON FUNCTION public.fold_domain(domain text) IS 'A domain name in lower case and in ASCII, as names are registered.';

CREATE FUNCTION public.fold_email(email text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (octet_length(email) = char_length(email)) THEN lower((email COLLATE "C")) ELSE (replace(replace(public.fold_case(regexp_replace(email, '[^@]*$'::text, ''::text)), 'ß'::text, 'ss'::text), 'i̇'::text, 'i'::text) || COALESCE(public.fold_domain("substring"(email, '[^@]*$'::text)), ''::text)) END;

COMMENT ON FUNCTION public.fold_email(email text) IS 'An e-mail address as it is compared: NFC, case folded, the domain in ASCII. Strict, so that its body is not made part of plans.';

CREATE FUNCTION public.fold_genres(genres text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT lower(each.genre) AS lower FROM unnest(fold_genres.genres) each(genre));

COMMENT ON FUNCTION public.fold_genres(genres text[]) IS 'Genres in lower case, for comparisons and for their index.';

CREATE FUNCTION public.fold_text(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN (octet_length(value) = char_length(value)) THEN lower((value COLLATE "C")) ELSE NORMALIZE(replace(replace(replace(replace(translate(public.fold_case(regexp_replace(NORMALIZE(value, NFKD), '[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u00ad\u200b-\u200d\u2060\ufeff]'::text, ''::text, 'g'::text)), 'øłđħıŧð’‘ʼ‐–—'::text, 'oldhitd''''''---'::text), 'ß'::text, 'ss'::text), 'æ'::text, 'ae'::text), 'œ'::text, 'oe'::text), 'þ'::text, 'th'::text), NFC) END;

COMMENT ON FUNCTION public.fold_text(value text) IS 'A text as searches compare it: NFKC, case folded, without accents. Strict, so that its body is not made part of plans.';

CREATE FUNCTION public.fold_texts(texts text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ARRAY(SELECT public.fold_text(each.value) AS fold_text FROM unnest(fold_texts.texts) each(value));

COMMENT ON FUNCTION public.fold_texts(texts text[]) IS 'Texts as searches compare them, for an index on an array.';

CREATE FUNCTION public.fold_title() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
begin
    new.folded_title := fold_text(new.title);
    return new;
end
$$;

COMMENT ON FUNCTION public.fold_title() IS 'Writes movies.folded_title.';

CREATE FUNCTION public.free_cancelled_slot() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.free_at := new.starts_at;
    return new;
end
$$;

COMMENT ON FUNCTION public.free_cancelled_slot() IS 'A cancelled showtime takes no time in its room: free_at is starts_at.';

CREATE FUNCTION public.give_address_to_next() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
    execute format(
        'update %1$I.users as u set same_address_as = nullif(next.id, u.id)
        from (select min(n.id) as id from %1$I.users as n where n.same_address_as = $1) as next
        where u.same_address_as = $1',
        tg_table_schema
    ) using new.id;
    return null;
end
$_$;

COMMENT ON FUNCTION public.give_address_to_next() IS 'The oldest of the accounts whose address is the same as that of an account that has another one now is found by it from then on.';

CREATE PROCEDURE public.grant_reservation_roles()
    LANGUAGE plpgsql
    AS $_$
declare
    own record;
begin
    -- 0035 calls those before it.
    for own in
        select oid::regprocedure as signature
        from pg_proc
        where
            proname >= 'grant_reservation_roles_0035'
            and proname ~ '^grant_reservation_roles_[0-9]{4}$'
            and pg_function_is_visible(oid)
        order by proname
    loop
        execute 'call ' || own.signature;
    end loop;
end
$_$;

COMMENT ON PROCEDURE public.grant_reservation_roles() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0007()
    LANGUAGE plpgsql
    AS $$
declare
    home text := current_schema();
    -- Whoever migrates: what that role creates later on is meant by the default privileges.
    migrator text := (select pg_get_userbyid(relowner) from pg_class where oid = 'users'::regclass);
    -- Tables of later migrations that only tools write, for roles that are created later still.
    later text;
begin
    foreach later in array array['archived_reservations', 'migration_files'] loop
        if to_regclass(later) is not null and exists (select from pg_roles where rolname = 'reservation_app') then
            execute format('grant select on %I to reservation_app', later);
        end if;
        if to_regclass(later) is not null and exists (select from pg_roles where rolname = 'reservation_readonly') then
            execute format('grant select on %I to reservation_readonly', later);
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'reservation_app') then
        execute format('grant usage on schema %I to reservation_app', home);
        grant select on _yoyo_migration to reservation_app;
        grant select, insert, update, delete on movies, auditoriums, showtimes, login_sessions, idempotency_keys
        to reservation_app;
        grant select, insert, delete on seats, booked_seats to reservation_app;
        -- Of an update there is none: holds lock the rows, for which PostgreSQL wants the right to some column.
        grant update (created_at) on seats to reservation_app;
        -- What is never deleted: who, and what was sold to them.
        grant select, insert, update on reservations to reservation_app;
        grant select, insert on reservation_seats, users, api_keys to reservation_app;
        grant update (password_hash, role, updated_at) on users to reservation_app;
        grant update (last_used_at, revoked_at) on api_keys to reservation_app;
        -- A later migration that brings a table from which the service deletes says so, or one that it only reads.
        execute format(
            'alter default privileges for role %I in schema %I grant select, insert, update on tables '
            'to reservation_app', migrator, home
        );
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        execute format('grant usage on schema %I to reservation_readonly', home);
        grant select on
        _yoyo_migration, movies, auditoriums, seats, showtimes, reservations, reservation_seats, booked_seats,
        login_sessions, idempotency_keys
        to reservation_readonly;
        -- All but the hashes; a column that a later migration adds to these two is granted there.
        grant select (id, name, email, role, created_at, updated_at) on users to reservation_readonly;
        grant select (
            id, name, user_id, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
        ) on api_keys to reservation_readonly;
        execute format(
            'alter default privileges for role %I in schema %I grant select on tables to reservation_readonly',
            migrator, home
        );
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0007() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0010()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0007();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, update on database_generation to reservation_app;
        revoke insert on database_generation from reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on database_generation to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0010() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0011()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0010();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant update (retired_at) on seats to reservation_app;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0011() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0017()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0011();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on cinemas to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on cinemas to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0017() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0018()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0017();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant update (row_label, seat_number, seat_type, price_modifier, x, y, updated_at) on seats to reservation_app;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0018() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0020()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0018();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on ticket_types to reservation_app;
        grant select, update on ticket_type_version to reservation_app;
        revoke insert on ticket_type_version from reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on ticket_types, ticket_type_version to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0020() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0023()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0020();
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (guest_email, made_at_box_office) on users to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0023() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0024()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0023();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on showtime_availability to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on showtime_availability to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0024() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0026()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0024();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on reservation_changes from reservation_app;
        grant select, insert, delete on reservation_changes to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on reservation_changes to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0026() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0028()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0026();
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (max_holds_per_user, max_seats_per_user_per_showtime, holds_per_minute) on api_keys
        to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0028() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0029()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0028();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on account_tokens from reservation_app;
        grant select, insert, delete on account_tokens to reservation_app;
        grant update (name, email_verified_at) on users to reservation_app;
        -- A guest's archived reservations become an account's.
        grant update (user_id) on archived_reservations to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        revoke select on account_tokens from reservation_readonly;
        grant select (user_id, purpose, created_at, expires_at) on account_tokens to reservation_readonly;
        grant select (email_verified_at) on users to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0029() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0032()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0029();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke insert, update on change_log from reservation_app;
        grant select on change_log to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on change_log to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0032() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0034()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0032();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        -- Not name and address: the trigger users_erasing sets them.
        grant update (disabled_at, erased_at) on users to reservation_app;
        grant update (name) on api_keys to reservation_app;
        grant update (reference, metadata, cancel_reason) on archived_reservations to reservation_app;
        grant update (reason) on reservation_changes to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (disabled_at, erased_at) on users to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0034() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0035()
    LANGUAGE plpgsql
    AS $$
begin
    call grant_reservation_roles_0034();
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (same_address_as) on users to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0035() IS 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

CREATE PROCEDURE public.grant_reservation_roles_0043()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on outbox, events from reservation_app;
        grant select, insert, delete on outbox, events to reservation_app;
        grant select, insert, update, delete on deliveries to reservation_app;
        revoke insert, delete on event_feed from reservation_app;
        grant select, update on event_feed to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on outbox, events, event_feed to reservation_readonly;
        -- Not `data`, which may have an address.
        grant select (
            id, channel, kind, event_id, webhook_id, reservation_id, showtime_id, user_id, status, attempts, next_attempt_at,
            created_at, ended_at, last_error, last_status_code, last_duration_ms
        ) on deliveries to reservation_readonly;
    end if;
end
$$;

CREATE PROCEDURE public.grant_reservation_roles_0044()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update on payments, refunds to reservation_app;
        revoke update on payment_events from reservation_app;
        grant select, insert, delete on payment_events to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on payments, refunds, payment_events to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0044() IS 'The part of grant_reservation_roles for payments.';

CREATE PROCEDURE public.grant_reservation_roles_0045()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on tickets from reservation_app;
        grant select, insert, delete on tickets to reservation_app;
        grant update (seat_id, cancelled_at, checked_in_at, checked_in_by) on tickets to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        revoke select on tickets from reservation_readonly;
        grant select (
            id, reservation_id, showtime_id, seat_id, created_at, cancelled_at, checked_in_at, checked_in_by
        ) on tickets to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0045() IS 'What the roles need for tickets; grant_reservation_roles calls it.';

CREATE PROCEDURE public.grant_reservation_roles_0046()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on webhooks, webhook_secrets to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on webhooks to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0046() IS 'The part of grant_reservation_roles for the tables of webhooks.';

CREATE PROCEDURE public.grant_reservation_roles_0047()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant update (language) on users to reservation_app;
        grant select, insert, update on reminded_showtimes to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (language) on users to reservation_readonly;
        grant select on reminded_showtimes to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0047() IS 'The part of grant_reservation_roles for mails.';

CREATE PROCEDURE public.grant_reservation_roles_0049()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update, delete on totp_secrets to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        revoke select on totp_secrets from reservation_readonly;
        grant select (user_id, created_at, confirmed_at) on totp_secrets to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0049() IS 'The part of grant_reservation_roles for one-time passwords.';

CREATE PROCEDURE public.grant_reservation_roles_0053()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (claimed_until) on deliveries to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0053() IS 'The part of grant_reservation_roles for the claims of deliveries.';

CREATE PROCEDURE public.grant_reservation_roles_0056()
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (wrong_codes, wrong_codes_since) on totp_secrets to reservation_readonly;
    end if;
end
$$;

COMMENT ON PROCEDURE public.grant_reservation_roles_0056() IS 'The part of grant_reservation_roles for wrong one-time passwords.';

CREATE FUNCTION public.insert_reservation_seat() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    update reservations as r
    set (seat_ids, row_labels, seat_numbers, prices) = (
        select
            array_agg(seat.id order by char_length(seat.label), seat.label, seat.number),
            array_agg(seat.label order by char_length(seat.label), seat.label, seat.number),
            array_agg(seat.number order by char_length(seat.label), seat.label, seat.number),
            array_agg(seat.price order by char_length(seat.label), seat.label, seat.number)
        from (
            select held.id, held.label, held.number, held.price
            from unnest(r.seat_ids, r.row_labels, r.seat_numbers, r.prices) as held (id, label, number, price)
            union all
            select s.id, s.row_label, s.seat_number, new.price_at_booking
            from seats as s
            where s.id = new.seat_id
        ) as seat
    )
    where
        r.id = new.reservation_id
        and new.seat_id <> all(r.seat_ids)
        and exists (select from seats as s where s.id = new.seat_id and s.retired_at is null);
    if not found then
        -- Retired meanwhile, for example: the version before answers 503, and the client repeats the request.
        raise serialization_failure using
            message = format('seat %s cannot be added to reservation %s', new.seat_id, new.reservation_id);
    end if;
    return new;
end
$$;

COMMENT ON FUNCTION public.insert_reservation_seat() IS 'Writes a seat that is inserted into the view into its reservation''s row.';

CREATE FUNCTION public.instant_text(value timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE STRICT
    AS $$
    select
        to_char(value at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
        || case when extract(microseconds from value)::bigint % 1000000 <> 0 then to_char(value, '.US') else '' end
        || 'Z'
$$;

COMMENT ON FUNCTION public.instant_text(value timestamp with time zone) IS 'A time as clients get it: RFC 3339 in UTC, with microseconds if there are any.';

CREATE FUNCTION public.keep_genres() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    -- The version before only writes genre; this one only writes genres.
    if tg_op = 'INSERT' then
        if new.genres = '{}' and new.genre is not null then
            new.genres := array[new.genre];
        end if;
    elsif new.genres = old.genres and new.genre is distinct from old.genre then
        new.genres := case when new.genre is null then '{}' else array[new.genre] end;
    end if;
    new.genre := new.genres[1];
    return new;
end
$$;

COMMENT ON FUNCTION public.keep_genres() IS 'Keeps movies.genre equal to the first of movies.genres.';

CREATE FUNCTION public.leave_out_texts_of_erased() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    owner_id bigint;
    is_erased boolean;
begin
    if tg_table_name = 'reservations' then
        owner_id := new.user_id;
    else
        select r.user_id into owner_id
        from reservations as r
        where r.id = new.reservation_id;
    end if;
    select u.erased_at is not null into is_erased
    from users as u
    where u.id = owner_id
    for key share;
    if is_erased and tg_table_name = 'reservations' then
        new.reference := null;
        new.metadata := null;
        new.cancel_reason := null;
    elsif is_erased then
        new.reason := null;
    end if;
    return new;
end
$$;

COMMENT ON FUNCTION public.leave_out_texts_of_erased() IS 'Leaves out what clients and the box office write to a reservation whose customer was erased: reference, metadata and reasons.';

CREATE FUNCTION public.move_payments() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO '$user', 'public'
    AS $$
begin
    update payments as p
    set showtime_id = new.showtime_id
    where p.reservation_id = new.id;
    update refunds as f
    set showtime_id = new.showtime_id
    where f.payment_id in (select p.id from payments as p where p.reservation_id = new.id);
    return null;
end
$$;

COMMENT ON FUNCTION public.move_payments() IS 'Gives the payments of a reservation, and their refunds, the showtime for whose seats the reservation is exchanged.';

CREATE FUNCTION public.new_reservation_code() RETURNS text
    LANGUAGE sql
    AS $$
    select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', (get_byte(made.bytes, place) & 31) + 1, 1), '')
    from (select uuid_send(gen_random_uuid()) as bytes) as made
    cross join unnest(array[0, 1, 2, 3, 4, 5, 9, 10]) as place
$$;

COMMENT ON FUNCTION public.new_reservation_code() IS '40 random bits as 8 characters of Crockford''s base32. The service makes the codes of its reservations itself.';

CREATE FUNCTION public.note_showtime_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.changed_at := clock_timestamp();
    return new;
end
$$;

COMMENT ON FUNCTION public.note_showtime_change() IS 'Sets a showtime''s changed_at.';

CREATE FUNCTION public.raise_layout_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.layout_version := old.layout_version + 1;
    return new;
end
$$;

COMMENT ON FUNCTION public.raise_layout_version() IS 'Raises a showtime''s layout_version.';

CREATE FUNCTION public.raise_layout_versions() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    rooms bigint[] := array(select distinct c.auditorium_id from changed as c order by c.auditorium_id);
begin
    if tg_op = 'UPDATE' then -- a seat may have moved to another room
        rooms := rooms || array(select distinct b.auditorium_id from before as b);
    end if;
    -- The seats are counted after the lock, so that of two changes the later one sees the earlier.
    perform from auditoriums
    where id = any(rooms)
    order by id
    for no key update;
    update auditoriums as a
    set
        plan_version = a.plan_version + 1,
        seat_count = counted.seats,
        lowest_modifier = counted.lowest
    from (
        select
            room.id,
            count(s.id) as seats,
            min(s.price_modifier) as lowest
        from (select distinct r.id from unnest(rooms) as r (id)) as room
        left join seats as s on room.id = s.auditorium_id and s.retired_at is null
        group by room.id
    ) as counted
    where a.id = counted.id;
    -- FOR UPDATE waits for the holds that are being written: they are committed before the change, or see it.
    perform from showtimes
    where auditorium_id = any(rooms) and ends_at > now()
    order by id
    for update;
    update showtimes as st
    set
        layout_version = st.layout_version + 1,
        price_from = round(st.base_price * a.lowest_modifier, 2)
    from auditoriums as a
    where a.id = st.auditorium_id and st.auditorium_id = any(rooms) and st.ends_at > now();
    return null;
end
$$;

COMMENT ON FUNCTION public.raise_layout_versions() IS 'After a change of seats: raises the versions, counts the seats and sets price_from; changed: the rows before or after it.';

CREATE FUNCTION public.raise_layout_versions_of_names() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    named bigint[];
begin
    if tg_table_name = 'movies' then
        named := array(
            select id from showtimes
            where movie_id = new.id and ends_at > now()
            order by id
            for no key update
        );
    elsif tg_table_name = 'auditoriums' then
        named := array(
            select id from showtimes
            where auditorium_id = new.id and ends_at > now()
            order by id
            for no key update
        );
    else
        named := array(
            select id from showtimes
            where auditorium_id = any(array(select a.id from auditoriums as a where a.cinema_id = new.id)) and ends_at > now()
            order by id
            for no key update
        );
    end if;
    update showtimes set layout_version = layout_version + 1
    where id = any(named);
    return null;
end
$$;

COMMENT ON FUNCTION public.raise_layout_versions_of_names() IS 'Raises layout_version of the showtimes that are not over, after a change of a name that answers show with them.';

CREATE FUNCTION public.raise_ticket_type_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    update ticket_type_version set version = version + 1;
    return null;
end
$$;

COMMENT ON FUNCTION public.raise_ticket_type_version() IS 'Raises ticket_type_version after a change of ticket types.';

CREATE FUNCTION public.record_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    AS $_$
declare
    kind text := tg_argv[0];
    id_column text := tg_argv[1];
    person_column text := nullif(tg_argv[2], '');
    -- The columns that are recorded; or if there are none, all but the hidden ones.
    shown text[] := string_to_array(tg_argv[3], ' ');
    hidden text[] := string_to_array(tg_argv[4], ' ');
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    whole jsonb := coalesce(new_row, old_row);
    entry_id bigint;
begin
    if shown <> '{}' then
        old_row := (select jsonb_object_agg(c, old_row -> c) from unnest(shown) as c where old_row is not null);
        new_row := (select jsonb_object_agg(c, new_row -> c) from unnest(shown) as c where new_row is not null);
    else
        old_row := old_row - hidden;
        new_row := new_row - hidden;
    end if;
    if old_row is not distinct from new_row then
        return null;
    end if;
    -- One entry for each thing that a transaction changes, however many statements do it. The entries of blocked seats, which
    -- have their showtime's subject and no id, are apart.
    if id_column = 'id' then
        execute format(
            'update %I.change_log set after = $2 where id = ('
            'select c.id from %I.change_log as c where c.subject = $1 and c.at >= now() '
            'and c.xmin = pg_current_xact_id()::xid and coalesce(c.after, c.before) ? ''id'' order by c.at desc limit 1) '
            'returning id',
            tg_table_schema, tg_table_schema
        ) into entry_id using kind || '/' || (whole ->> id_column), new_row;
    end if;
    if entry_id is null then
        execute format(
            'insert into %I.change_log (subject, before, after, person_id) values ($1, $2, $3, $4)', tg_table_schema
        ) using kind || '/' || (whole ->> id_column), old_row, new_row, (whole ->> person_column)::bigint;
    end if;
    return null;
end
$_$;

COMMENT ON FUNCTION public.record_change() IS 'Records a change of a row in change_log. Arguments: kind of the subject, column of its id, column of the person whom it
concerns, recorded columns (none: all), hidden columns.';

CREATE FUNCTION public.refuse_seat_deletion() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if exists (select from deleted as d inner join showtimes as st on d.auditorium_id = st.auditorium_id) then
        raise foreign_key_violation using
            table = 'showtimes',
            message = 'seats of a room that has showtimes are retired, not deleted';
    end if;
    return null;
end
$$;

COMMENT ON FUNCTION public.refuse_seat_deletion() IS 'Refuses to delete a seat of a room that has showtimes: their reservations may have it in their arrays.';

CREATE FUNCTION public.set_price_from() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    new.price_from := (
        select round(new.base_price * a.lowest_modifier, 2)
        from auditoriums as a
        where a.id = new.auditorium_id
    );
    return new;
end
$$;

COMMENT ON FUNCTION public.set_price_from() IS 'Sets a showtime''s price_from.';

CREATE FUNCTION public.showtime_json(row_json jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    select jsonb_object_agg(
        name,
        case
            when name like '%\_at' then to_jsonb(instant_text((row_json ->> name)::timestamptz))
            when name = 'base_price' then to_jsonb(row_json ->> name)
            else row_json -> name
        end
    )
    from unnest(
        '{id,movie_id,auditorium_id,starts_at,ends_at,base_price,format,audio_language,subtitle_language,on_sale_at,sales_end_at,
        status,cancelled_at,cancel_reason}'::text[]
    ) as member (name)
$$;

COMMENT ON FUNCTION public.showtime_json(row_json jsonb) IS 'A row of showtimes as the payload of an event has it, from to_jsonb of the row.';

CREATE FUNCTION public.tell_showtime_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    was jsonb := showtime_json(to_jsonb(old));
    now_is jsonb := showtime_json(to_jsonb(new));
    changed text[] := array(
        select member.key
        from jsonb_each(now_is) as member
        where member.value is distinct from was -> member.key
        order by member.key
    );
begin
    insert into outbox (type, showtime_id, data)
    values (
        case
            when new.status = 'cancelled' and old.status <> 'cancelled' then 'showtime.cancelled'
            else 'showtime.changed'
        end,
        new.id,
        jsonb_build_object(
            'showtime', now_is,
            'changed', to_jsonb(changed),
            'before', (
                select jsonb_object_agg(name, was -> name)
                from unnest(changed) as each (name)
            )
        )
    );
    return null;
end
$$;

COMMENT ON FUNCTION public.tell_showtime_change() IS 'Writes an event for a showtime that is changed or called off; a trigger, so that all ways to change one count.';

CREATE TABLE public.account_tokens (
    token_hash bytea NOT NULL,
    user_id bigint NOT NULL,
    purpose text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT account_tokens_hash_check CHECK ((octet_length(token_hash) = 32)),
    CONSTRAINT account_tokens_purpose_check CHECK ((purpose = ANY (ARRAY['reset_password'::text, 'verify_email'::text])))
);

COMMENT ON TABLE public.account_tokens IS 'Tokens that were mailed to the owners of accounts and not used yet; a used one is deleted.';

COMMENT ON COLUMN public.account_tokens.token_hash IS 'SHA-256 of the token, which has 256 random bits.';

COMMENT ON COLUMN public.account_tokens.purpose IS 'reset_password or verify_email; a token is good for nothing else.';

CREATE TABLE public.api_keys (
    id bigint NOT NULL,
    name text NOT NULL,
    user_id bigint NOT NULL,
    prefix text NOT NULL,
    key_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_by bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    max_holds_per_user integer DEFAULT 0,
    max_seats_per_user_per_showtime integer DEFAULT 0,
    holds_per_minute integer DEFAULT 0,
    CONSTRAINT api_keys_expires_at_check CHECK ((expires_at > created_at)),
    CONSTRAINT api_keys_key_hash_check CHECK ((octet_length(key_hash) = 32)),
    CONSTRAINT api_keys_limits_check CHECK (((max_holds_per_user >= 0) AND (max_seats_per_user_per_showtime >= 0) AND (holds_per_minute >= 0))),
    CONSTRAINT api_keys_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT api_keys_prefix_check CHECK ((char_length(prefix) = 12)),
    CONSTRAINT api_keys_scopes_check CHECK (((cardinality(scopes) > 0) AND (scopes <@ ARRAY['catalogue'::text, 'booking'::text, 'reports'::text, 'check_in'::text])))
);

COMMENT ON TABLE public.api_keys IS 'Keys of machine clients. A row stays for good: a revoked key still tells who had it.';

COMMENT ON COLUMN public.api_keys.user_id IS 'The account that the key acts for; it can do at most what that account may.';

COMMENT ON COLUMN public.api_keys.prefix IS 'The first characters of the key, by which people tell it from others in a list.';

COMMENT ON COLUMN public.api_keys.key_hash IS 'SHA-256 of the key. A key is 256 random bits, which nobody can guess however fast a guess is checked; Argon2 is for
passwords, which people choose, and would cost every request what it is meant to cost an attacker.';

COMMENT ON COLUMN public.api_keys.scopes IS 'What it may be used for: catalogue, booking, reports, check_in.';

COMMENT ON COLUMN public.api_keys.created_by IS 'The administrator who made it.';

COMMENT ON COLUMN public.api_keys.expires_at IS 'From then on it is not good any more; null: it has no end.';

COMMENT ON COLUMN public.api_keys.last_used_at IS 'Written in the background about once a minute, so up to two minutes late.';

COMMENT ON COLUMN public.api_keys.max_holds_per_user IS 'Most live holds of a customer to which the key adds one; 0: no limit, null: that of its account.';

COMMENT ON COLUMN public.api_keys.max_seats_per_user_per_showtime IS 'Most seats of a customer in a showtime, held and booked, to which the key adds some; 0: no limit, null: that of its account.';

COMMENT ON COLUMN public.api_keys.holds_per_minute IS 'Most holds of the key in a minute; 0: no limit, null: its address counts, as for its account.';

ALTER TABLE public.api_keys ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.archived_reservations (
    id uuid NOT NULL,
    user_id bigint NOT NULL,
    showtime_id bigint NOT NULL,
    status text NOT NULL,
    total_price numeric(14,2) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    first_expires_at timestamp with time zone,
    confirmed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    seat_ids bigint[] NOT NULL,
    row_labels text[] NOT NULL,
    seat_numbers integer[] NOT NULL,
    prices numeric(12,2)[] NOT NULL,
    code text DEFAULT public.new_reservation_code() NOT NULL COLLATE pg_catalog."C",
    reference text,
    metadata jsonb,
    cancelled_by text,
    late boolean DEFAULT false NOT NULL,
    ticket_type_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    cancel_reason text,
    payment_required boolean DEFAULT false NOT NULL,
    CONSTRAINT archived_reservations_seats_check CHECK (((cardinality(row_labels) = cardinality(seat_ids)) AND (cardinality(seat_numbers) = cardinality(seat_ids)) AND (cardinality(prices) = cardinality(seat_ids)))),
    CONSTRAINT archived_reservations_status_check CHECK ((status = ANY (ARRAY['confirmed'::text, 'cancelled'::text, 'expired'::text])))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.01', autovacuum_vacuum_insert_threshold='10000', autovacuum_freeze_min_age='0');

COMMENT ON TABLE public.archived_reservations IS 'Reservations of showtimes that are long over, moved here by `reservation archive`.';

COMMENT ON COLUMN public.archived_reservations.status IS 'How it ended: a hold that nobody confirmed is expired.';

COMMENT ON COLUMN public.archived_reservations.seat_ids IS 'In the order of the seat map, as are the labels, numbers and prices; a confirmed reservation owned all of them.';

COMMENT ON COLUMN public.archived_reservations.code IS 'That of the reservation. Not unique: a code may be given again after its reservation was archived.';

COMMENT ON COLUMN public.archived_reservations.cancel_reason IS 'Why the box office cancelled it; null if the customer did, or it is not cancelled.';

COMMENT ON COLUMN public.archived_reservations.payment_required IS 'As in reservations.';

CREATE TABLE public.auditoriums (
    id bigint NOT NULL,
    name text NOT NULL,
    capacity integer NOT NULL,
    extra_metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    focal_row text,
    plan_version bigint DEFAULT 1 NOT NULL,
    cinema_id bigint DEFAULT 1 NOT NULL,
    seat_count integer DEFAULT 0 NOT NULL,
    lowest_modifier numeric(4,2),
    CONSTRAINT auditoriums_capacity_check CHECK (((capacity >= 1) AND (capacity <= 10000))),
    CONSTRAINT auditoriums_extra_metadata_check CHECK ((jsonb_typeof(extra_metadata) = 'object'::text)),
    CONSTRAINT auditoriums_focal_row_check CHECK ((focal_row ~ '^[A-Z]{1,3}$'::text)),
    CONSTRAINT auditoriums_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)))
);

COMMENT ON TABLE public.auditoriums IS 'The rooms that films are shown in.';

COMMENT ON COLUMN public.auditoriums.capacity IS 'Most seats the room may have (fire regulations); writers of seats lock this row first.';

COMMENT ON COLUMN public.auditoriums.extra_metadata IS 'Whatever the cinema wants to keep about the room; the service only stores it.';

COMMENT ON COLUMN public.auditoriums.focal_row IS 'Label of the row with the best view, as in seats.row_label; null for the row two thirds back.';

COMMENT ON COLUMN public.auditoriums.plan_version IS 'Raised by every change of the room''s seats; in the API, version of a layout and layout_version of statuses.';

COMMENT ON COLUMN public.auditoriums.cinema_id IS 'The default is for the version before: the cinema that this migration made.';

COMMENT ON COLUMN public.auditoriums.seat_count IS 'Number of seats in use; triggers on seats keep it.';

COMMENT ON COLUMN public.auditoriums.lowest_modifier IS 'The lowest price_modifier of the seats in use; null: there are none.';

ALTER TABLE public.auditoriums ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.auditoriums_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.booked_seats (
    showtime_id bigint NOT NULL,
    seat_id bigint NOT NULL,
    reservation_id uuid,
    block_reason text,
    CONSTRAINT booked_seats_owner_check CHECK ((((reservation_id IS NULL) <> (block_reason IS NULL)) AND ((char_length(block_reason) >= 1) AND (char_length(block_reason) <= 200))))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.01', autovacuum_vacuum_insert_threshold='5000', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_freeze_min_age='0', autovacuum_analyze_scale_factor='0.02');

COMMENT ON TABLE public.booked_seats IS 'Who owns which seat of which showtime: one row a seat that is sold, inserted by the confirm, or blocked by the cinema.';

COMMENT ON COLUMN public.booked_seats.reservation_id IS 'The reservation that owns the seat; null: it is blocked.';

COMMENT ON COLUMN public.booked_seats.block_reason IS 'Why the cinema keeps the seat for itself; null: it is sold.';

CREATE TABLE public.change_log (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    user_id bigint DEFAULT (NULLIF(current_setting('reservation.user_id'::text, true), ''::text))::bigint,
    action text DEFAULT current_setting('reservation.action'::text, true) NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    before jsonb,
    after jsonb,
    request_id text DEFAULT NULLIF(current_setting('reservation.request_id'::text, true), ''::text),
    person_id bigint
);

COMMENT ON TABLE public.change_log IS 'Administrative changes, a row for each thing that a transaction changed; written by triggers.';

COMMENT ON COLUMN public.change_log.at IS 'When the change was made, by clock_timestamp(); it is committed a little later.';

COMMENT ON COLUMN public.change_log.user_id IS 'The account that made the change; null: a command of the operator.';

COMMENT ON COLUMN public.change_log.action IS 'The operation of the API, as operationId in its document, or the command.';

COMMENT ON COLUMN public.change_log.subject IS 'What was changed: movie/12, showtime/5, user/3.';

COMMENT ON COLUMN public.change_log.before IS 'Its row before the change, without secrets; null: there was none, or its person was erased.';

COMMENT ON COLUMN public.change_log.after IS 'Its row after the change; null: it was deleted, or its person was erased.';

COMMENT ON COLUMN public.change_log.request_id IS 'The X-Request-ID of the request.';

COMMENT ON COLUMN public.change_log.person_id IS 'The account or guest that the change concerns, if it concerns one.';

ALTER TABLE public.change_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.change_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.cinemas (
    id bigint NOT NULL,
    name text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    timezone text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cinemas_address_check CHECK ((char_length(address) <= 1000)),
    CONSTRAINT cinemas_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT cinemas_timezone_check CHECK (((char_length(timezone) <= 100) AND (('2000-01-01 00:00:00+00'::timestamp with time zone AT TIME ZONE timezone) IS NOT NULL)))
);

COMMENT ON TABLE public.cinemas IS 'Buildings with auditoriums.';

COMMENT ON COLUMN public.cinemas.timezone IS 'IANA name; a day of the programme is one of this time zone.';

ALTER TABLE public.cinemas ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.cinemas_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.database_generation (
    only_row boolean DEFAULT true NOT NULL,
    generation bigint DEFAULT 1 NOT NULL,
    raised_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT database_generation_generation_check CHECK ((generation > 0)),
    CONSTRAINT database_generation_only_row_check CHECK (only_row)
);

COMMENT ON TABLE public.database_generation IS 'One row: a counter that a restore of the database takes back.';

COMMENT ON COLUMN public.database_generation.only_row IS 'Always true, so that there is one row.';

COMMENT ON COLUMN public.database_generation.generation IS 'Raised by the workers while they run, at most once a second.';

COMMENT ON COLUMN public.database_generation.raised_at IS 'When it was raised last.';

CREATE TABLE public.deliveries (
    id bigint NOT NULL,
    channel text NOT NULL,
    kind text NOT NULL,
    event_id bigint,
    webhook_id bigint,
    reservation_id uuid,
    showtime_id bigint,
    user_id bigint,
    data jsonb,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT now() NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    last_error text,
    last_status_code integer,
    last_duration_ms integer,
    claimed_until timestamp with time zone,
    CONSTRAINT deliveries_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT deliveries_channel_check CHECK ((channel = ANY (ARRAY['mail'::text, 'webhook'::text]))),
    CONSTRAINT deliveries_ended_at_check CHECK (((status = 'pending'::text) = (ended_at IS NULL))),
    CONSTRAINT deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'delivered'::text, 'dead'::text]))),
    CONSTRAINT deliveries_webhook_id_check CHECK (((channel = 'webhook'::text) = (webhook_id IS NOT NULL)))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='5000', autovacuum_analyze_scale_factor='0.02');

COMMENT ON TABLE public.deliveries IS 'A mail, or an event for a webhook, that is sent at least once.';

COMMENT ON COLUMN public.deliveries.channel IS 'mail or webhook.';

COMMENT ON COLUMN public.deliveries.kind IS 'The template of the mail, or the type of the event.';

COMMENT ON COLUMN public.deliveries.event_id IS 'The id in events; null: it is of no event.';

COMMENT ON COLUMN public.deliveries.reservation_id IS 'Deliveries of one reservation are made in the order of their ids, for each channel and webhook.';

COMMENT ON COLUMN public.deliveries.data IS 'What the channel needs besides; deleted when the delivery has ended.';

COMMENT ON COLUMN public.deliveries.status IS 'pending, delivered, or dead: given up, and only sent again by an administrator.';

COMMENT ON COLUMN public.deliveries.attempts IS 'How often it was claimed.';

COMMENT ON COLUMN public.deliveries.next_attempt_at IS 'When it may be claimed: while it is claimed, the end of the claim.';

COMMENT ON COLUMN public.deliveries.last_error IS 'Why the last attempt failed; names no person.';

COMMENT ON COLUMN public.deliveries.last_status_code IS 'What the webhook''s server or the mail server answered last.';

COMMENT ON COLUMN public.deliveries.claimed_until IS 'When the claim of the attempt that is under way ends; null: it is not claimed.';

ALTER TABLE public.deliveries ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.deliveries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.event_feed (
    only_row boolean DEFAULT true NOT NULL,
    deleted_through bigint DEFAULT 0 NOT NULL,
    CONSTRAINT event_feed_only_row_check CHECK (only_row)
);

COMMENT ON TABLE public.event_feed IS 'How far the feed of events has been deleted; one row.';

COMMENT ON COLUMN public.event_feed.deleted_through IS 'All events up to this id are deleted: a reader who has not got further has missed some.';

CREATE TABLE public.events (
    id bigint NOT NULL,
    event_id uuid DEFAULT gen_random_uuid() NOT NULL,
    type text NOT NULL,
    reservation_id uuid,
    showtime_id bigint,
    data jsonb,
    created_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0.01', autovacuum_vacuum_insert_threshold='50000', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='50000', autovacuum_freeze_min_age='0');

COMMENT ON TABLE public.events IS 'What happened, in the order of commits, for 30 days. Only the relay inserts, under a lock, so no id becomes visible after a higher one.';

COMMENT ON COLUMN public.events.event_id IS 'The id that clients get, the same in each repeat.';

COMMENT ON COLUMN public.events.data IS 'As in outbox.';

COMMENT ON COLUMN public.events.created_at IS 'When it happened.';

ALTER TABLE public.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.idempotency_keys (
    user_id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    fingerprint bytea NOT NULL,
    reservation_id uuid,
    refusal jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_fingerprint_check CHECK ((octet_length(fingerprint) = 16)),
    CONSTRAINT idempotency_keys_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255))),
    CONSTRAINT idempotency_keys_outcome_check CHECK ((num_nonnulls(reservation_id, refusal) = 1))
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_insert_threshold='-1', autovacuum_analyze_scale_factor='0.05');

COMMENT ON TABLE public.idempotency_keys IS 'Requests that clients may repeat; kept for a day.';

COMMENT ON COLUMN public.idempotency_keys.fingerprint IS 'Digest of what was asked, so that a key is not used for two things.';

COMMENT ON COLUMN public.idempotency_keys.reservation_id IS 'What was made, confirmed or cancelled, and tells the answer; null where the request was refused.';

COMMENT ON COLUMN public.idempotency_keys.refusal IS 'The answer, where it was a lasting no.';

CREATE TABLE public.login_sessions (
    id uuid NOT NULL,
    user_id bigint NOT NULL,
    generation integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    refreshed_at timestamp with time zone,
    reauthenticated_at timestamp with time zone,
    CONSTRAINT login_sessions_generation_check CHECK ((generation > 0))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE public.login_sessions IS 'One row a login: the family of refresh tokens that descend from it.';

COMMENT ON COLUMN public.login_sessions.generation IS 'Number of the newest refresh token. That of the token before is answered for 30 s after refreshed_at with the same new pair; the
use of any other revokes the family.';

COMMENT ON COLUMN public.login_sessions.expires_at IS 'When the newest refresh token of the family runs out.';

COMMENT ON COLUMN public.login_sessions.revoked_at IS 'Set by logout, or when a spent refresh token was used again.';

COMMENT ON COLUMN public.login_sessions.refreshed_at IS 'When the newest refresh token was made; null: by the login.';

COMMENT ON COLUMN public.login_sessions.reauthenticated_at IS 'When the password was last given again in this session; null: not since the login.';

CREATE TABLE public.migration_files (
    migration_id text NOT NULL,
    sha256 bytea NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT migration_files_sha256_check CHECK ((octet_length(sha256) = 32))
);

COMMENT ON TABLE public.migration_files IS 'The files of the applied migrations, so that one that was edited since is noticed.';

COMMENT ON COLUMN public.migration_files.migration_id IS 'Name of the file, without its ending, as in _yoyo_migration.';

COMMENT ON COLUMN public.migration_files.sha256 IS 'SHA-256 of the file''s bytes: comments and white space count, too.';

COMMENT ON COLUMN public.migration_files.recorded_at IS 'When the file was applied, or, if it is edited, when that was accepted.';

CREATE TABLE public.movies (
    id bigint NOT NULL,
    title text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    duration_minutes integer NOT NULL,
    poster_url text,
    genre text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    age_rating text,
    release_date date,
    original_language text,
    director text,
    genres text[] DEFAULT '{}'::text[] NOT NULL,
    folded_title text,
    waiting_room boolean DEFAULT false NOT NULL,
    CONSTRAINT movies_age_rating_check CHECK (((char_length(age_rating) >= 1) AND (char_length(age_rating) <= 50))),
    CONSTRAINT movies_description_check CHECK ((char_length(description) <= 10000)),
    CONSTRAINT movies_director_check CHECK (((char_length(director) >= 1) AND (char_length(director) <= 300))),
    CONSTRAINT movies_duration_minutes_check CHECK (((duration_minutes >= 1) AND (duration_minutes <= 1440))),
    CONSTRAINT movies_folded_title_check CHECK ((folded_title IS NOT NULL)),
    CONSTRAINT movies_genre_check CHECK (((char_length(genre) >= 1) AND (char_length(genre) <= 100))),
    CONSTRAINT movies_genres_check CHECK (((cardinality(genres) <= 10) AND (array_position(genres, NULL::text) IS NULL) AND (array_position(genres, ''::text) IS NULL) AND (char_length(array_to_string(genres, ''::text)) <= 1000))),
    CONSTRAINT movies_original_language_check CHECK (((char_length(original_language) >= 1) AND (char_length(original_language) <= 100))),
    CONSTRAINT movies_poster_url_check CHECK ((char_length(poster_url) <= 2000)),
    CONSTRAINT movies_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 300)))
);

COMMENT ON TABLE public.movies IS 'The films that can be put on.';

COMMENT ON COLUMN public.movies.duration_minutes IS 'Running time; a showtime has its own start and end.';

COMMENT ON COLUMN public.movies.genre IS 'Compared without regard to case.';

COMMENT ON COLUMN public.movies.age_rating IS 'As it is shown to customers: PG-13, FSK 12, 18+.';

COMMENT ON COLUMN public.movies.original_language IS 'A language tag (BCP 47), such as en or pt-BR.';

COMMENT ON COLUMN public.movies.genres IS 'All genres; the first is also in genre, which a trigger keeps equal. Compared as fold_text does.';

COMMENT ON COLUMN public.movies.folded_title IS 'The title as searches compare it, by fold_text; a trigger writes it.';

COMMENT ON COLUMN public.movies.waiting_room IS 'Whether a showtime has a waiting room that is written without saying so itself; showtimes that exist keep their own value.';

ALTER TABLE public.movies ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.movies_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.outbox (
    id bigint NOT NULL,
    type text NOT NULL,
    reservation_id uuid,
    showtime_id bigint,
    data jsonb,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='5000', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='100000');

COMMENT ON TABLE public.outbox IS 'Events that are not in the table events yet, written in the transaction that does the deed; the relay moves them.';

COMMENT ON COLUMN public.outbox.type IS 'Such as reservation.confirmed; docs/client/webhooks.md lists them.';

COMMENT ON COLUMN public.outbox.data IS 'The payload; null for reservation events, whose payload is read from reservations and reservation_changes when it is sent.';

COMMENT ON COLUMN public.outbox.created_at IS 'By clock_timestamp(), under the lock of the reservation, so that times of a reservation are in order.';

ALTER TABLE public.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.payment_events (
    id text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT payment_events_id_check CHECK ((char_length(id) <= 255))
);

COMMENT ON TABLE public.payment_events IS 'Events of the payment provider that were carried out, kept for 30 days: each is carried out once.';

CREATE TABLE public.payments (
    id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    number integer NOT NULL,
    provider text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    amount numeric(14,2) NOT NULL,
    refunded numeric(14,2) DEFAULT 0 NOT NULL,
    currency text NOT NULL,
    reference text,
    checkout_url text,
    charge_reference text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    succeeded_at timestamp with time zone,
    settled_at timestamp with time zone,
    check_at timestamp with time zone NOT NULL,
    showtime_id bigint,
    CONSTRAINT payments_amount_check CHECK ((amount > (0)::numeric)),
    CONSTRAINT payments_currency_check CHECK ((char_length(currency) = 3)),
    CONSTRAINT payments_provider_check CHECK ((provider = ANY (ARRAY['stripe'::text, 'external'::text]))),
    CONSTRAINT payments_refunded_check CHECK (((refunded >= (0)::numeric) AND (refunded <= amount) AND ((refunded = (0)::numeric) OR (status = 'succeeded'::text)))),
    CONSTRAINT payments_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT payments_succeeded_check CHECK (((status = 'succeeded'::text) = (succeeded_at IS NOT NULL)))
);

COMMENT ON TABLE public.payments IS 'Payments of reservations, with the ids that the payment provider gave them. Card data never reaches the service.';

COMMENT ON COLUMN public.payments.number IS 'Counts the payments of the reservation, from 1; two requests at once cannot both make the next.';

COMMENT ON COLUMN public.payments.refunded IS 'The sum of its refunds, made and pending.';

COMMENT ON COLUMN public.payments.reference IS 'The provider''s id: of Stripe''s Checkout Session; null until it is made, and for an external payment.';

COMMENT ON COLUMN public.payments.charge_reference IS 'What the provider refunds: Stripe''s PaymentIntent; null until it is paid.';

COMMENT ON COLUMN public.payments.settled_at IS 'When nothing was left to do for it: it failed, or what was paid is exactly what the reservation costs.';

COMMENT ON COLUMN public.payments.check_at IS 'When a background job looks at it next, until it is settled.';

COMMENT ON COLUMN public.payments.showtime_id IS 'That of the reservation, which a trigger keeps equal; null if the reservation did not exist any more when the column was made.';

CREATE TABLE public.refunds (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    payment_id uuid NOT NULL,
    amount numeric(14,2) NOT NULL,
    reason text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    reference text,
    last_error text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    succeeded_at timestamp with time zone,
    showtime_id bigint,
    CONSTRAINT refunds_amount_check CHECK ((amount > (0)::numeric)),
    CONSTRAINT refunds_reason_check CHECK ((reason = ANY (ARRAY['cancelled'::text, 'seats_cancelled'::text, 'exchanged'::text, 'showtime_cancelled'::text, 'not_available'::text, 'overpaid'::text]))),
    CONSTRAINT refunds_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'succeeded'::text, 'failed'::text]))),
    CONSTRAINT refunds_succeeded_check CHECK (((status = 'succeeded'::text) = (succeeded_at IS NOT NULL)))
);

COMMENT ON TABLE public.refunds IS 'What is paid back of payments. A row is written in the transaction of the deed; a background job lets the provider refund it.';

COMMENT ON COLUMN public.refunds.id IS 'Also the idempotency key of the request to the provider.';

COMMENT ON COLUMN public.refunds.reference IS 'The provider''s id of the refund.';

COMMENT ON COLUMN public.refunds.last_error IS 'Why the last attempt failed.';

COMMENT ON COLUMN public.refunds.showtime_id IS 'That of the payment.';

CREATE TABLE public.reminded_showtimes (
    showtime_id bigint NOT NULL,
    starts_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE public.reminded_showtimes IS 'Showtimes whose customers were reminded by mail; a job writes it together with the mails.';

COMMENT ON COLUMN public.reminded_showtimes.starts_at IS 'When the showtime was to start then.';

CREATE TABLE public.reservation_changes (
    id bigint NOT NULL,
    reservation_id uuid NOT NULL,
    change text NOT NULL,
    changed_by text NOT NULL,
    reason text,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    status text NOT NULL,
    showtime_id bigint NOT NULL,
    total_price numeric(14,2) NOT NULL,
    seat_ids bigint[] NOT NULL,
    row_labels text[] NOT NULL,
    seat_numbers integer[] NOT NULL,
    prices numeric(12,2)[] NOT NULL,
    ticket_type_ids bigint[] NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT reservation_changes_change_check CHECK ((change = ANY (ARRAY['cancelled_seats'::text, 'added_seats'::text, 'exchanged'::text]))),
    CONSTRAINT reservation_changes_changed_by_check CHECK ((changed_by = ANY (ARRAY['customer'::text, 'cinema'::text, 'staff'::text]))),
    CONSTRAINT reservation_changes_seats_check CHECK (((cardinality(row_labels) = cardinality(seat_ids)) AND (cardinality(seat_numbers) = cardinality(seat_ids)) AND (cardinality(prices) = cardinality(seat_ids)) AND ((cardinality(ticket_type_ids) = 0) OR (cardinality(ticket_type_ids) = cardinality(seat_ids))))),
    CONSTRAINT reservation_changes_status_check CHECK ((status = ANY (ARRAY['held'::text, 'confirmed'::text])))
);

COMMENT ON TABLE public.reservation_changes IS 'A reservation as it was before a change of its seats; the row in reservations is what came of it.';

COMMENT ON COLUMN public.reservation_changes.change IS 'cancelled_seats, added_seats or exchanged.';

COMMENT ON COLUMN public.reservation_changes.changed_by IS 'customer, cinema or staff.';

COMMENT ON COLUMN public.reservation_changes.reason IS 'That of the box office, for a change at any time.';

COMMENT ON COLUMN public.reservation_changes.changed_at IS 'By clock_timestamp(), under the lock of the reservation and before its idempotency key, so that times and keys are in order.';

COMMENT ON COLUMN public.reservation_changes.status IS 'held or confirmed; a change does not change it.';

COMMENT ON COLUMN public.reservation_changes.expires_at IS 'When the hold was to expire, as the change was answered; null: the change is older than migration 0030.';

ALTER TABLE public.reservation_changes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.reservation_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.reservations (
    id uuid NOT NULL,
    user_id bigint NOT NULL,
    showtime_id bigint NOT NULL,
    status text DEFAULT 'held'::text NOT NULL,
    total_price numeric(14,2) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    confirmed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    first_expires_at timestamp with time zone,
    seat_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    row_labels text[] DEFAULT '{}'::text[] NOT NULL,
    seat_numbers integer[] DEFAULT '{}'::integer[] NOT NULL,
    prices numeric(12,2)[] DEFAULT '{}'::numeric[] NOT NULL,
    code text DEFAULT public.new_reservation_code() NOT NULL COLLATE pg_catalog."C",
    reference text,
    metadata jsonb,
    cancelled_by text,
    late boolean DEFAULT false NOT NULL,
    ticket_type_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    cancel_reason text,
    payment_required boolean DEFAULT false NOT NULL,
    CONSTRAINT reservations_cancelled_at_check CHECK (((status = 'cancelled'::text) = (cancelled_at IS NOT NULL))),
    CONSTRAINT reservations_confirmed_at_check CHECK (((status <> 'confirmed'::text) OR (confirmed_at IS NOT NULL))),
    CONSTRAINT reservations_expires_at_check CHECK ((expires_at > created_at)),
    CONSTRAINT reservations_seats_check CHECK (((cardinality(row_labels) = cardinality(seat_ids)) AND (cardinality(seat_numbers) = cardinality(seat_ids)) AND (cardinality(prices) = cardinality(seat_ids)))),
    CONSTRAINT reservations_status_check CHECK ((status = ANY (ARRAY['held'::text, 'confirmed'::text, 'cancelled'::text, 'expired'::text]))),
    CONSTRAINT reservations_total_price_check CHECK ((total_price >= (0)::numeric))
)
WITH (fillfactor='90', autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_insert_scale_factor='0.01', autovacuum_vacuum_insert_threshold='5000', autovacuum_analyze_scale_factor='0.01', autovacuum_analyze_threshold='5000');

COMMENT ON TABLE public.reservations IS 'A customer''s hold on seats of one showtime, and what became of it.';

COMMENT ON COLUMN public.reservations.id IS 'UUIDv7, made by the service before the hold, so that Redis and this row agree on it.';

COMMENT ON COLUMN public.reservations.status IS 'held, confirmed, cancelled or expired; a row held past expires_at counts as expired whether or not it says so.';

COMMENT ON COLUMN public.reservations.total_price IS 'Sum of price_at_booking over its seats.';

COMMENT ON COLUMN public.reservations.expires_at IS 'End of the hold by this server''s clock; without meaning once confirmed.';

COMMENT ON COLUMN public.reservations.first_expires_at IS 'What expires_at was before the hold was extended; null if it never was.';

COMMENT ON COLUMN public.reservations.seat_ids IS 'In the order of the seat map, as are the labels, numbers and prices; reservation_changes has what they were before a change.';

COMMENT ON COLUMN public.reservations.row_labels IS 'Labels of the seats'' rows when they were held.';

COMMENT ON COLUMN public.reservations.seat_numbers IS 'Numbers of the seats in their rows when they were held.';

COMMENT ON COLUMN public.reservations.prices IS 'Prices of the seats when they were held; later changes do not reach them.';

COMMENT ON COLUMN public.reservations.code IS 'For people and the box office: 8 characters of Crockford''s base32.';

COMMENT ON COLUMN public.reservations.reference IS 'The client''s own, given with the hold; up to 100 characters.';

COMMENT ON COLUMN public.reservations.metadata IS 'The client''s own, given with the hold: a JSON object of up to 1 KiB.';

COMMENT ON COLUMN public.reservations.cancelled_by IS 'customer, cinema or staff; null: not cancelled, undone by the service, or cancelled before this was recorded.';

COMMENT ON COLUMN public.reservations.late IS 'Whether it was confirmed after its hold had expired.';

COMMENT ON COLUMN public.reservations.ticket_type_ids IS 'In the order of seat_ids; empty if all are of the standard type.';

COMMENT ON COLUMN public.reservations.cancel_reason IS 'Why the box office cancelled it; null if the customer did, or it is not cancelled.';

COMMENT ON COLUMN public.reservations.payment_required IS 'Whether it was confirmed while the service took payments: then its payments, less their refunds, are its total.';

CREATE VIEW public.reservation_seats AS
 SELECT r.id AS reservation_id,
    seat.seat_id,
    seat.price AS price_at_booking
   FROM (public.reservations r
     CROSS JOIN LATERAL UNNEST(r.seat_ids, r.prices) seat(seat_id, price));

COMMENT ON VIEW public.reservation_seats IS 'The seats of a reservation, a row each, from the arrays in its row; a cancelled or expired one has those that it had last.';

COMMENT ON COLUMN public.reservation_seats.price_at_booking IS 'Price when the seats were held; later changes do not reach it.';

CREATE TABLE public.seats (
    id bigint NOT NULL,
    auditorium_id bigint NOT NULL,
    row_label text NOT NULL,
    seat_number integer NOT NULL,
    seat_type text DEFAULT 'regular'::text NOT NULL,
    price_modifier numeric(4,2) DEFAULT 1.00 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone,
    x integer,
    y integer,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT seats_position_check CHECK (((x IS NULL) = (y IS NULL))),
    CONSTRAINT seats_price_modifier_check CHECK ((price_modifier >= (0)::numeric)),
    CONSTRAINT seats_row_label_check CHECK ((row_label ~ '^[A-Z]{1,3}$'::text)),
    CONSTRAINT seats_seat_number_check CHECK (((seat_number >= 1) AND (seat_number <= 1000))),
    CONSTRAINT seats_seat_type_check CHECK (((char_length(seat_type) <= 40) AND (seat_type ~ '^[a-z0-9]+(-[a-z0-9]+)*$'::text)))
);

COMMENT ON TABLE public.seats IS 'The seats of an auditorium.';

COMMENT ON COLUMN public.seats.row_label IS 'A..Z, AA, AB, ...: ordered by length, then alphabet.';

COMMENT ON COLUMN public.seats.price_modifier IS 'Factor on the showtime''s base price; the product is rounded half up to two digits.';

COMMENT ON COLUMN public.seats.retired_at IS 'When the seat was removed from its room; null: it is in use. A seat that history refers to is retired, not deleted.';

COMMENT ON COLUMN public.seats.x IS 'Position in the drawing of the room, from left to right as one faces the screen; null: none given.';

COMMENT ON COLUMN public.seats.y IS 'Position in the drawing of the room, from the screen to the back; null: none given.';

ALTER TABLE public.seats ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.seats_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.showtime_availability (
    showtime_id bigint NOT NULL,
    taken integer NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    recount_at timestamp with time zone
)
WITH (fillfactor='70');

COMMENT ON TABLE public.showtime_availability IS 'How many seats of a showtime are held, sold or blocked; no row: none ever was. Lists read it; no hold depends on it.';

COMMENT ON COLUMN public.showtime_availability.showtime_id IS 'Without a foreign key, so that a count never waits for a showtime that an administrator changes.';

COMMENT ON COLUMN public.showtime_availability.counted_at IS 'When the statement that counted began; an older count never replaces a newer one.';

COMMENT ON COLUMN public.showtime_availability.recount_at IS 'When the first of the counted holds expires; null: there is none.';

CREATE TABLE public.showtimes (
    id bigint NOT NULL,
    movie_id bigint NOT NULL,
    auditorium_id bigint NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    free_at timestamp with time zone NOT NULL,
    base_price numeric(10,2) NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    layout_version bigint DEFAULT 1 NOT NULL,
    format text,
    audio_language text,
    subtitle_language text,
    on_sale_at timestamp with time zone,
    sales_end_at timestamp with time zone,
    status text DEFAULT 'scheduled'::text NOT NULL,
    cancelled_at timestamp with time zone,
    cancel_reason text,
    price_from numeric(12,2),
    changed_at timestamp with time zone,
    waiting_room boolean DEFAULT false NOT NULL,
    CONSTRAINT showtimes_audio_language_check CHECK (((char_length(audio_language) >= 1) AND (char_length(audio_language) <= 100))),
    CONSTRAINT showtimes_base_price_check CHECK ((base_price >= (0)::numeric)),
    CONSTRAINT showtimes_cancel_reason_check CHECK (((char_length(cancel_reason) <= 1000) AND ((status = 'cancelled'::text) OR (cancel_reason IS NULL)))),
    CONSTRAINT showtimes_cancelled_at_check CHECK (((status = 'cancelled'::text) = (cancelled_at IS NOT NULL))),
    CONSTRAINT showtimes_ends_at_check CHECK ((ends_at > starts_at)),
    CONSTRAINT showtimes_format_check CHECK (((char_length(format) >= 1) AND (char_length(format) <= 50))),
    CONSTRAINT showtimes_free_at_check CHECK (
CASE status
    WHEN 'cancelled'::text THEN (free_at = starts_at)
    ELSE (free_at >= ends_at)
END),
    CONSTRAINT showtimes_sales_end_at_check CHECK ((sales_end_at > on_sale_at)),
    CONSTRAINT showtimes_status_check CHECK ((status = ANY (ARRAY['scheduled'::text, 'cancelled'::text]))),
    CONSTRAINT showtimes_subtitle_language_check CHECK (((char_length(subtitle_language) >= 1) AND (char_length(subtitle_language) <= 100)))
);

COMMENT ON TABLE public.showtimes IS 'One showing of a movie in an auditorium.';

COMMENT ON COLUMN public.showtimes.free_at IS 'When the next showtime of the room may start: ends_at plus the cleaning time of when it was written; if cancelled, starts_at.';

COMMENT ON COLUMN public.showtimes.base_price IS 'Price of a seat whose modifier is 1.00, in the currency of the installation.';

COMMENT ON COLUMN public.showtimes.layout_version IS 'Raised by every change of room, seats, film, times, sale window, waiting_room, status or base_price; a hold is written at it. Not the API''s.';

COMMENT ON COLUMN public.showtimes.format IS '2D, 3D, IMAX, ...: free text.';

COMMENT ON COLUMN public.showtimes.audio_language IS 'A language tag (BCP 47); null: not given.';

COMMENT ON COLUMN public.showtimes.subtitle_language IS 'A language tag (BCP 47); null: no subtitles.';

COMMENT ON COLUMN public.showtimes.on_sale_at IS 'Before it no seat can be held; null: on sale since it was created.';

COMMENT ON COLUMN public.showtimes.sales_end_at IS 'From it on no seat can be held; null: starts_at.';

COMMENT ON COLUMN public.showtimes.price_from IS 'The lowest price of a seat: base_price x lowest_modifier of the room; null: it has no seats. Triggers keep it while it is not over.';

COMMENT ON COLUMN public.showtimes.changed_at IS 'When film, room, start or end changed last; null: not since migration 0030. A trigger keeps it.';

COMMENT ON COLUMN public.showtimes.waiting_room IS 'Whether a customer''s hold needs an admission from the showtime''s waiting room.';

ALTER TABLE public.showtimes ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.showtimes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.ticket_type_version (
    only_row boolean DEFAULT true NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    CONSTRAINT ticket_type_version_only_row_check CHECK (only_row)
);

COMMENT ON TABLE public.ticket_type_version IS 'One row: counts the changes of ticket_types. A hold with ticket types is written at the version whose prices it has.';

COMMENT ON COLUMN public.ticket_type_version.only_row IS 'Always true, so that there is one row.';

CREATE TABLE public.ticket_types (
    id bigint NOT NULL,
    name text NOT NULL,
    price_factor numeric(4,2),
    fixed_price numeric(8,2),
    "position" integer DEFAULT 0 NOT NULL,
    active boolean DEFAULT true NOT NULL,
    is_used boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ticket_types_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100))),
    CONSTRAINT ticket_types_position_check CHECK ((("position" >= 0) AND ("position" <= 1000000))),
    CONSTRAINT ticket_types_price_check CHECK ((((price_factor IS NULL) <> (fixed_price IS NULL)) AND (COALESCE(price_factor, fixed_price) >= (0)::numeric))),
    CONSTRAINT ticket_types_standard_check CHECK (((id <> 1) OR ((price_factor IS NOT NULL) AND (price_factor = (1)::numeric) AND active)))
);

COMMENT ON TABLE public.ticket_types IS 'For whom a ticket is: standard, child, senior. The first one is standard, and always there.';

COMMENT ON COLUMN public.ticket_types.price_factor IS 'Factor on base_price x price_modifier of a seat; null for one with a fixed_price.';

COMMENT ON COLUMN public.ticket_types.fixed_price IS 'In place of the base_price of a showtime; null for one with a price_factor.';

COMMENT ON COLUMN public.ticket_types."position" IS 'Lists show lower ones first.';

COMMENT ON COLUMN public.ticket_types.active IS 'Whether holds may ask for it.';

COMMENT ON COLUMN public.ticket_types.is_used IS 'Whether a hold has asked for it: then it is not deleted, since reservations show it.';

ALTER TABLE public.ticket_types ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ticket_types_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.tickets (
    id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    showtime_id bigint NOT NULL,
    seat_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    cancelled_at timestamp with time zone,
    checked_in_at timestamp with time zone,
    checked_in_by bigint,
    code text NOT NULL COLLATE pg_catalog."C",
    CONSTRAINT tickets_checked_in_check CHECK (((checked_in_at IS NULL) = (checked_in_by IS NULL))),
    CONSTRAINT tickets_code_check CHECK ((char_length(code) = 10))
)
WITH (fillfactor='90', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='5000', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_vacuum_insert_threshold='5000', autovacuum_analyze_scale_factor='0.05');

COMMENT ON TABLE public.tickets IS 'The tickets that were read or mailed: one a seat of a confirmed reservation. A cancelled one stays.';

COMMENT ON COLUMN public.tickets.id IS 'UUIDv7, made by the service.';

COMMENT ON COLUMN public.tickets.reservation_id IS 'In reservations, or in archived_reservations.';

COMMENT ON COLUMN public.tickets.showtime_id IS 'That of the seat; a ticket never changes it.';

COMMENT ON COLUMN public.tickets.seat_id IS 'A showtime that moves to another room takes its tickets along: they get the seats of the same rows and numbers.';

COMMENT ON COLUMN public.tickets.cancelled_at IS 'When its seat was cancelled or exchanged, or its showtime called off; null: it is good.';

COMMENT ON COLUMN public.tickets.checked_in_at IS 'When it was checked in, by the scanner''s clock if that was offline; never later than by this server''s.';

COMMENT ON COLUMN public.tickets.checked_in_by IS 'The account of staff, or that of the scanner''s API key.';

COMMENT ON COLUMN public.tickets.code IS 'For people: 10 characters of Crockford''s base32; good for entry, so readers of the data do not see it.';

CREATE TABLE public.totp_secrets (
    user_id bigint NOT NULL,
    secret text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint DEFAULT 0 NOT NULL,
    recovery_hashes bytea[] DEFAULT '{}'::bytea[] NOT NULL,
    wrong_codes integer DEFAULT 0 NOT NULL,
    wrong_codes_since timestamp with time zone,
    CONSTRAINT totp_secrets_secret_check CHECK (((char_length(secret) >= 16) AND (char_length(secret) <= 64)))
);

COMMENT ON TABLE public.totp_secrets IS 'Secrets of one-time passwords (TOTP, RFC 6238), one an account that has begun to enrol.';

COMMENT ON COLUMN public.totp_secrets.secret IS 'In base32, as authenticator apps take it. Whoever reads it can compute the codes.';

COMMENT ON COLUMN public.totp_secrets.confirmed_at IS 'When its owner has shown a code of it; null: not yet, and a login needs no code.';

COMMENT ON COLUMN public.totp_secrets.last_step IS 'Of the last code that was accepted: its time in steps of 30 s since 1970. No code of it or of an earlier step is accepted again.';

COMMENT ON COLUMN public.totp_secrets.recovery_hashes IS 'SHA-256 of each recovery code that was not used, of 120 random bits.';

COMMENT ON COLUMN public.totp_secrets.wrong_codes IS 'How many wrong codes of six digits were given within an hour of wrong_codes_since.';

COMMENT ON COLUMN public.totp_secrets.wrong_codes_since IS 'When the first of wrong_codes was given; null: none was.';

CREATE TABLE public.users (
    id bigint NOT NULL,
    name text NOT NULL,
    email text,
    password_hash text NOT NULL,
    role text DEFAULT 'user'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    guest_email text,
    made_at_box_office boolean DEFAULT false NOT NULL,
    email_verified_at timestamp with time zone,
    disabled_at timestamp with time zone,
    erased_at timestamp with time zone,
    same_address_as bigint,
    language text,
    CONSTRAINT users_email_check CHECK (((char_length(email) >= 3) AND (char_length(email) <= 320))),
    CONSTRAINT users_guest_check CHECK ((((role = 'guest'::text) = (email IS NULL)) AND ((role = 'guest'::text) = (guest_email IS NOT NULL)) AND ((role = 'guest'::text) OR (NOT made_at_box_office)))),
    CONSTRAINT users_guest_email_check CHECK (((char_length(guest_email) >= 3) AND (char_length(guest_email) <= 320))),
    CONSTRAINT users_language_check CHECK (((char_length(language) >= 2) AND (char_length(language) <= 35))),
    CONSTRAINT users_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200))),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['user'::text, 'staff'::text, 'admin'::text, 'guest'::text]))),
    CONSTRAINT users_verified_check CHECK (((email_verified_at IS NULL) OR (email IS NOT NULL)))
);

COMMENT ON TABLE public.users IS 'Everybody who books: customers, staff and administrators with a login, and guests without one.';

COMMENT ON COLUMN public.users.email IS 'As typed at sign-up; unique and looked up as fold_email compares it. Null for a guest.';

COMMENT ON COLUMN public.users.password_hash IS 'Argon2id in PHC string format; the parameters are inside.';

COMMENT ON COLUMN public.users.role IS 'user books seats, staff is the box office, admin runs the catalogue and the roles, guest books without a login.';

COMMENT ON COLUMN public.users.guest_email IS 'A guest''s address, as typed; not unique, and null for everybody else.';

COMMENT ON COLUMN public.users.made_at_box_office IS 'Whether staff made the guest, for a customer without an account: such a guest never gets a token.';

COMMENT ON COLUMN public.users.email_verified_at IS 'When the owner confirmed the e-mail address by a mailed token; null: not yet, and for a guest.';

COMMENT ON COLUMN public.users.disabled_at IS 'When an administrator disabled the account; null: it may log in.';

COMMENT ON COLUMN public.users.erased_at IS 'When the person was erased: name and address are made up since then. Null: it was not.';

COMMENT ON COLUMN public.users.same_address_as IS 'An older account whose address is the same as this one, as fold_email compares them; this one is found by lower(email). Mostly null.';

COMMENT ON COLUMN public.users.language IS 'Of the browser or client that signed the person up, as a tag such as de-AT: mails have it. Null: not known.';

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhook_secrets (
    id bigint NOT NULL,
    webhook_id bigint NOT NULL,
    secret text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    replaced_at timestamp with time zone,
    CONSTRAINT webhook_secrets_secret_check CHECK ((secret ~~ 'whsec\_%'::text))
);

COMMENT ON TABLE public.webhook_secrets IS 'What signs the deliveries of a webhook.';

COMMENT ON COLUMN public.webhook_secrets.secret IS 'whsec_ and 32 random bytes in base64; as it is, since it has to sign.';

COMMENT ON COLUMN public.webhook_secrets.replaced_at IS 'When a new secret was made; this one signs along for 24 hours. Null: it is the newest.';

ALTER TABLE public.webhook_secrets ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_secrets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhooks (
    id bigint NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    active boolean DEFAULT true NOT NULL,
    failing_since timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT webhooks_disabled_check CHECK ((((disabled_at IS NULL) = (disabled_reason IS NULL)) AND (NOT (active AND (disabled_at IS NOT NULL))))),
    CONSTRAINT webhooks_events_check CHECK (((cardinality(events) >= 1) AND (cardinality(events) <= 50))),
    CONSTRAINT webhooks_url_check CHECK (((char_length(url) >= 1) AND (char_length(url) <= 2000)))
);

COMMENT ON TABLE public.webhooks IS 'Addresses to which events are sent.';

COMMENT ON COLUMN public.webhooks.events IS 'The types of events that are sent there.';

COMMENT ON COLUMN public.webhooks.active IS 'Whether events are sent; false: an administrator said so, or the service disabled it.';

COMMENT ON COLUMN public.webhooks.failing_since IS 'When the first delivery failed after the last one that succeeded; null: none has.';

COMMENT ON COLUMN public.webhooks.disabled_at IS 'When the service disabled it, since no delivery succeeded; null: it did not.';

COMMENT ON COLUMN public.webhooks.disabled_reason IS 'Why the service disabled it: failing or gone.';

ALTER TABLE public.webhooks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhooks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.account_tokens
    ADD CONSTRAINT account_tokens_pkey PRIMARY KEY (token_hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.archived_reservations
    ADD CONSTRAINT archived_reservations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.auditoriums
    ADD CONSTRAINT auditoriums_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.booked_seats
    ADD CONSTRAINT booked_seats_showtime_id_seat_id_key UNIQUE (showtime_id, seat_id);

ALTER TABLE ONLY public.booked_seats REPLICA IDENTITY USING INDEX booked_seats_showtime_id_seat_id_key;

COMMENT ON CONSTRAINT booked_seats_showtime_id_seat_id_key ON public.booked_seats IS 'The judge: no seat of a showtime is ever sold twice.';

ALTER TABLE ONLY public.change_log
    ADD CONSTRAINT change_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cinemas
    ADD CONSTRAINT cinemas_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.database_generation
    ADD CONSTRAINT database_generation_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event_feed
    ADD CONSTRAINT event_feed_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY public.login_sessions
    ADD CONSTRAINT login_sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migration_files
    ADD CONSTRAINT migration_files_pkey PRIMARY KEY (migration_id);

ALTER TABLE ONLY public.movies
    ADD CONSTRAINT movies_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payment_events
    ADD CONSTRAINT payment_events_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.payments
    ADD CONSTRAINT payments_reservation_id_number_key UNIQUE (reservation_id, number);

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reminded_showtimes
    ADD CONSTRAINT reminded_showtimes_pkey PRIMARY KEY (showtime_id);

ALTER TABLE ONLY public.reservation_changes
    ADD CONSTRAINT reservation_changes_pkey PRIMARY KEY (reservation_id, id);

ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT reservations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.seats
    ADD CONSTRAINT seats_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.seats
    ADD CONSTRAINT seats_position_excl EXCLUDE USING btree (auditorium_id WITH =, x WITH =, y WITH =) WHERE ((retired_at IS NULL)) DEFERRABLE;

COMMENT ON CONSTRAINT seats_position_excl ON public.seats IS 'No two seats of a room are in one position.';

ALTER TABLE ONLY public.showtime_availability
    ADD CONSTRAINT showtime_availability_pkey PRIMARY KEY (showtime_id);

ALTER TABLE ONLY public.showtimes
    ADD CONSTRAINT showtimes_overlap_excl EXCLUDE USING gist (int8range(auditorium_id, auditorium_id, '[]'::text) WITH &&, tstzrange(starts_at, free_at, '[)'::text) WITH &&);

COMMENT ON CONSTRAINT showtimes_overlap_excl ON public.showtimes IS 'Two scheduled showtimes of one room never overlap. Ranges are half-open, and that of a cancelled one is empty.';

ALTER TABLE ONLY public.showtimes
    ADD CONSTRAINT showtimes_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ticket_type_version
    ADD CONSTRAINT ticket_type_version_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.ticket_types
    ADD CONSTRAINT ticket_types_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_code_key UNIQUE (code);

ALTER TABLE ONLY public.tickets
    ADD CONSTRAINT tickets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.totp_secrets
    ADD CONSTRAINT totp_secrets_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_secrets
    ADD CONSTRAINT webhook_secrets_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (id);

CREATE INDEX account_tokens_user_id_idx ON public.account_tokens USING btree (user_id);

CREATE INDEX api_keys_user_id_idx ON public.api_keys USING btree (user_id);

CREATE INDEX archived_reservations_cancelled_at_idx ON public.archived_reservations USING btree (cancelled_at) WHERE (cancelled_at IS NOT NULL);

CREATE INDEX archived_reservations_code_idx ON public.archived_reservations USING btree (code);

CREATE INDEX archived_reservations_late_idx ON public.archived_reservations USING btree (expires_at) WHERE late;

CREATE INDEX archived_reservations_showtime_id_idx ON public.archived_reservations USING btree (showtime_id);

CREATE INDEX archived_reservations_user_id_idx ON public.archived_reservations USING btree (user_id, created_at DESC, id DESC);

CREATE INDEX auditoriums_cinema_id_idx ON public.auditoriums USING btree (cinema_id);

CREATE INDEX booked_seats_blocked_idx ON public.booked_seats USING btree (showtime_id, seat_id) WHERE (reservation_id IS NULL);

CREATE INDEX change_log_at_idx ON public.change_log USING btree (at, id);

CREATE INDEX change_log_person_id_idx ON public.change_log USING btree (person_id, id) WHERE (person_id IS NOT NULL);

CREATE INDEX change_log_subject_idx ON public.change_log USING btree (subject, at, id);

CREATE INDEX change_log_user_id_idx ON public.change_log USING btree (user_id, at, id);

CREATE INDEX deliveries_dead_idx ON public.deliveries USING btree (id) WHERE (status = 'dead'::text);

CREATE INDEX deliveries_due_idx ON public.deliveries USING btree (channel, next_attempt_at, id) WHERE (status = 'pending'::text);

CREATE INDEX deliveries_email_idx ON public.deliveries USING btree (public.fold_email((data ->> 'email'::text))) WHERE (data ? 'email'::text);

CREATE INDEX deliveries_order_idx ON public.deliveries USING btree (reservation_id, channel, webhook_id, id) WHERE ((status = 'pending'::text) AND (reservation_id IS NOT NULL));

CREATE INDEX deliveries_user_id_idx ON public.deliveries USING btree (user_id, id) WHERE (user_id IS NOT NULL);

CREATE INDEX deliveries_webhook_due_idx ON public.deliveries USING btree (webhook_id, next_attempt_at, id) WHERE ((status = 'pending'::text) AND (webhook_id IS NOT NULL));

CREATE INDEX deliveries_webhook_id_idx ON public.deliveries USING btree (webhook_id, id) WHERE (webhook_id IS NOT NULL);

CREATE INDEX idempotency_keys_created_at_idx ON public.idempotency_keys USING btree (created_at);

CREATE INDEX login_sessions_user_id_idx ON public.login_sessions USING btree (user_id);

CREATE INDEX movies_folded_genres_idx ON public.movies USING gin (public.fold_texts(genres));

CREATE INDEX movies_genres_idx ON public.movies USING gin (public.fold_genres(genres));

CREATE INDEX payment_events_received_at_idx ON public.payment_events USING btree (received_at);

CREATE INDEX payments_check_at_idx ON public.payments USING btree (check_at) WHERE (settled_at IS NULL);

CREATE UNIQUE INDEX payments_pending_key ON public.payments USING btree (reservation_id) WHERE (status = 'pending'::text);

CREATE UNIQUE INDEX payments_reference_key ON public.payments USING btree (reference) WHERE (reference IS NOT NULL);

CREATE INDEX refunds_next_attempt_at_idx ON public.refunds USING btree (next_attempt_at) WHERE (status = 'pending'::text);

CREATE INDEX refunds_payment_id_idx ON public.refunds USING btree (payment_id);

CREATE INDEX reservation_changes_changed_at_idx ON public.reservation_changes USING btree (changed_at) WHERE (status = 'confirmed'::text);

CREATE INDEX reservation_changes_showtime_id_idx ON public.reservation_changes USING btree (showtime_id);

CREATE INDEX reservations_cancelled_at_idx ON public.reservations USING brin (cancelled_at) WHERE (cancelled_at IS NOT NULL);

CREATE UNIQUE INDEX reservations_code_key ON public.reservations USING btree (code);

CREATE INDEX reservations_late_idx ON public.reservations USING btree (expires_at) WHERE late;

CREATE INDEX reservations_showtime_id_expires_at_idx ON public.reservations USING btree (showtime_id, expires_at);

CREATE INDEX reservations_user_id_idx ON public.reservations USING btree (user_id, created_at DESC, id DESC, showtime_id);

CREATE UNIQUE INDEX seats_position_key ON public.seats USING btree (auditorium_id, char_length(row_label), row_label, seat_number, retired_at) NULLS NOT DISTINCT;

CREATE INDEX showtime_availability_recount_at_idx ON public.showtime_availability USING btree (recount_at);

CREATE INDEX showtimes_auditorium_id_idx ON public.showtimes USING btree (auditorium_id, starts_at, id);

CREATE INDEX showtimes_movie_id_idx ON public.showtimes USING btree (movie_id, starts_at, id);

CREATE INDEX showtimes_price_from_idx ON public.showtimes USING btree (status, price_from, id) INCLUDE (starts_at, auditorium_id, movie_id);

CREATE INDEX showtimes_starts_at_idx ON public.showtimes USING btree (starts_at, id);

CREATE INDEX showtimes_status_idx ON public.showtimes USING btree (status, starts_at, id);

CREATE INDEX ticket_types_position_idx ON public.ticket_types USING btree ("position", id);

CREATE UNIQUE INDEX tickets_seat_key ON public.tickets USING btree (showtime_id, seat_id) WHERE (cancelled_at IS NULL);

CREATE INDEX users_admin_idx ON public.users USING btree (id) WHERE (role = 'admin'::text);

CREATE UNIQUE INDEX users_box_office_guest_key ON public.users USING btree (lower(guest_email), name) WHERE made_at_box_office;

CREATE UNIQUE INDEX users_folded_box_office_guest_key ON public.users USING btree (public.fold_email(guest_email), name) WHERE (made_at_box_office AND (same_address_as IS NULL));

CREATE UNIQUE INDEX users_folded_email_key ON public.users USING btree (public.fold_email(email)) WHERE (same_address_as IS NULL);

CREATE INDEX users_folded_guest_email_idx ON public.users USING btree (public.fold_email(guest_email), id) WHERE (guest_email IS NOT NULL);

CREATE INDEX users_guest_email_idx ON public.users USING btree (lower(guest_email), id) WHERE (guest_email IS NOT NULL);

CREATE UNIQUE INDEX users_lower_email_key ON public.users USING btree (lower(email));

CREATE INDEX users_role_idx ON public.users USING btree (role, id);

CREATE INDEX users_same_address_as_idx ON public.users USING btree (same_address_as) WHERE (same_address_as IS NOT NULL);

CREATE INDEX webhook_secrets_webhook_id_idx ON public.webhook_secrets USING btree (webhook_id, id);

CREATE TRIGGER api_keys_recorded AFTER INSERT OR DELETE OR UPDATE ON public.api_keys FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('api-key', 'id', 'user_id', 'id name user_id prefix scopes max_holds_per_user max_seats_per_user_per_showtime holds_per_minute created_by created_at expires_at revoked_at', '');

CREATE TRIGGER auditoriums_recorded AFTER INSERT OR DELETE OR UPDATE ON public.auditoriums FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('auditorium', 'id', '', '', 'plan_version seat_count lowest_modifier');

CREATE TRIGGER auditoriums_renamed AFTER UPDATE OF name, cinema_id ON public.auditoriums FOR EACH ROW WHEN (((old.name IS DISTINCT FROM new.name) OR (old.cinema_id IS DISTINCT FROM new.cinema_id))) EXECUTE FUNCTION public.raise_layout_versions_of_names();

CREATE TRIGGER booked_seats_block_recorded AFTER INSERT ON public.booked_seats FOR EACH ROW WHEN (((new.block_reason IS NOT NULL) AND (current_setting('reservation.action'::text, true) <> ''::text))) EXECUTE FUNCTION public.record_change('showtime', 'showtime_id', '', 'showtime_id seat_id block_reason', '');

CREATE TRIGGER booked_seats_unblock_recorded AFTER DELETE ON public.booked_seats FOR EACH ROW WHEN (((old.block_reason IS NOT NULL) AND (current_setting('reservation.action'::text, true) <> ''::text))) EXECUTE FUNCTION public.record_change('showtime', 'showtime_id', '', 'showtime_id seat_id block_reason', '');

CREATE TRIGGER cinemas_recorded AFTER INSERT OR DELETE OR UPDATE ON public.cinemas FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('cinema', 'id', '', '', '');

CREATE TRIGGER cinemas_renamed AFTER UPDATE OF name, timezone ON public.cinemas FOR EACH ROW WHEN (((old.name IS DISTINCT FROM new.name) OR (old.timezone IS DISTINCT FROM new.timezone))) EXECUTE FUNCTION public.raise_layout_versions_of_names();

CREATE TRIGGER deliveries_recorded AFTER INSERT OR UPDATE ON public.deliveries FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('delivery', 'id', 'user_id', 'id channel kind webhook_id reservation_id user_id status attempts next_attempt_at', '');

CREATE TRIGGER movies_genres BEFORE INSERT OR UPDATE OF genre, genres ON public.movies FOR EACH ROW EXECUTE FUNCTION public.keep_genres();

CREATE TRIGGER movies_recorded AFTER INSERT OR DELETE OR UPDATE ON public.movies FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('movie', 'id', '', '', '');

CREATE TRIGGER movies_renamed AFTER UPDATE OF title ON public.movies FOR EACH ROW WHEN ((old.title IS DISTINCT FROM new.title)) EXECUTE FUNCTION public.raise_layout_versions_of_names();

CREATE TRIGGER movies_title_folded BEFORE INSERT OR UPDATE OF title, folded_title ON public.movies FOR EACH ROW EXECUTE FUNCTION public.fold_title();

ALTER TABLE public.movies ENABLE ALWAYS TRIGGER movies_title_folded;

CREATE TRIGGER payments_showtime BEFORE INSERT ON public.payments FOR EACH ROW WHEN ((new.showtime_id IS NULL)) EXECUTE FUNCTION public.find_payment_showtime();

CREATE TRIGGER refunds_showtime BEFORE INSERT ON public.refunds FOR EACH ROW WHEN ((new.showtime_id IS NULL)) EXECUTE FUNCTION public.find_refund_showtime();

CREATE TRIGGER reservation_changes_of_erased BEFORE INSERT ON public.reservation_changes FOR EACH ROW WHEN ((new.reason IS NOT NULL)) EXECUTE FUNCTION public.leave_out_texts_of_erased();

CREATE TRIGGER reservation_seats_inserted INSTEAD OF INSERT ON public.reservation_seats FOR EACH ROW EXECUTE FUNCTION public.insert_reservation_seat();

CREATE TRIGGER reservations_hold_recorded AFTER INSERT ON public.reservations FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('reservation', 'id', 'user_id', 'id user_id showtime_id status total_price expires_at confirmed_at cancelled_at cancelled_by cancel_reason late seat_ids row_labels seat_numbers prices ticket_type_ids', '');

CREATE TRIGGER reservations_of_erased BEFORE INSERT OR UPDATE OF reference, metadata, cancel_reason ON public.reservations FOR EACH ROW WHEN (((new.reference IS NOT NULL) OR (new.metadata IS NOT NULL) OR (new.cancel_reason IS NOT NULL))) EXECUTE FUNCTION public.leave_out_texts_of_erased();

CREATE TRIGGER reservations_payments_moved AFTER UPDATE OF showtime_id ON public.reservations FOR EACH ROW WHEN ((old.showtime_id IS DISTINCT FROM new.showtime_id)) EXECUTE FUNCTION public.move_payments();

CREATE TRIGGER reservations_recorded AFTER UPDATE ON public.reservations FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('reservation', 'id', 'user_id', 'id user_id showtime_id status total_price expires_at confirmed_at cancelled_at cancelled_by cancel_reason late seat_ids row_labels seat_numbers prices ticket_type_ids', '');

CREATE TRIGGER seats_deleted AFTER DELETE ON public.seats REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.raise_layout_versions();

CREATE TRIGGER seats_deletion_refused AFTER DELETE ON public.seats REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_seat_deletion();

CREATE TRIGGER seats_inserted AFTER INSERT ON public.seats REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.raise_layout_versions();

CREATE TRIGGER seats_recorded AFTER INSERT OR DELETE OR UPDATE ON public.seats FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('seat', 'id', '', '', '');

CREATE TRIGGER seats_updated AFTER UPDATE ON public.seats REFERENCING OLD TABLE AS before NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION public.raise_layout_versions();

CREATE TRIGGER showtimes_change_told AFTER UPDATE ON public.showtimes FOR EACH ROW WHEN (((old.movie_id IS DISTINCT FROM new.movie_id) OR (old.auditorium_id IS DISTINCT FROM new.auditorium_id) OR (old.starts_at IS DISTINCT FROM new.starts_at) OR (old.ends_at IS DISTINCT FROM new.ends_at) OR (old.base_price IS DISTINCT FROM new.base_price) OR (old.format IS DISTINCT FROM new.format) OR (old.audio_language IS DISTINCT FROM new.audio_language) OR (old.subtitle_language IS DISTINCT FROM new.subtitle_language) OR (old.on_sale_at IS DISTINCT FROM new.on_sale_at) OR (old.sales_end_at IS DISTINCT FROM new.sales_end_at) OR (old.status IS DISTINCT FROM new.status))) EXECUTE FUNCTION public.tell_showtime_change();

CREATE TRIGGER showtimes_changed BEFORE UPDATE OF movie_id, auditorium_id, starts_at, ends_at ON public.showtimes FOR EACH ROW WHEN (((old.movie_id IS DISTINCT FROM new.movie_id) OR (old.auditorium_id IS DISTINCT FROM new.auditorium_id) OR (old.starts_at IS DISTINCT FROM new.starts_at) OR (old.ends_at IS DISTINCT FROM new.ends_at))) EXECUTE FUNCTION public.note_showtime_change();

CREATE TRIGGER showtimes_layout_changed BEFORE UPDATE OF auditorium_id, movie_id, base_price, starts_at, ends_at, on_sale_at, sales_end_at, waiting_room, status ON public.showtimes FOR EACH ROW WHEN (((old.auditorium_id IS DISTINCT FROM new.auditorium_id) OR (old.movie_id IS DISTINCT FROM new.movie_id) OR (old.base_price IS DISTINCT FROM new.base_price) OR (old.starts_at IS DISTINCT FROM new.starts_at) OR (old.ends_at IS DISTINCT FROM new.ends_at) OR (old.on_sale_at IS DISTINCT FROM new.on_sale_at) OR (old.sales_end_at IS DISTINCT FROM new.sales_end_at) OR (old.waiting_room IS DISTINCT FROM new.waiting_room) OR (old.status IS DISTINCT FROM new.status))) EXECUTE FUNCTION public.raise_layout_version();

CREATE TRIGGER showtimes_price_from BEFORE INSERT OR UPDATE OF base_price, auditorium_id ON public.showtimes FOR EACH ROW EXECUTE FUNCTION public.set_price_from();

CREATE TRIGGER showtimes_recorded AFTER INSERT OR DELETE OR UPDATE ON public.showtimes FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('showtime', 'id', '', '', 'layout_version price_from free_at');

CREATE TRIGGER showtimes_slot_freed BEFORE INSERT OR UPDATE OF status, starts_at, free_at ON public.showtimes FOR EACH ROW WHEN ((new.status = 'cancelled'::text)) EXECUTE FUNCTION public.free_cancelled_slot();

CREATE TRIGGER ticket_types_changed AFTER INSERT OR DELETE OR UPDATE OF name, price_factor, fixed_price, "position", active ON public.ticket_types FOR EACH STATEMENT EXECUTE FUNCTION public.raise_ticket_type_version();

CREATE TRIGGER ticket_types_recorded AFTER INSERT OR DELETE OR UPDATE ON public.ticket_types FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('ticket-type', 'id', '', '', 'is_used');

CREATE TRIGGER users_address_changed AFTER UPDATE OF email, guest_email, erased_at ON public.users FOR EACH ROW WHEN (((old.email IS DISTINCT FROM new.email) OR (old.guest_email IS DISTINCT FROM new.guest_email))) EXECUTE FUNCTION public.give_address_to_next();

CREATE TRIGGER users_erased AFTER UPDATE OF erased_at ON public.users FOR EACH ROW WHEN (((old.erased_at IS NULL) AND (new.erased_at IS NOT NULL))) EXECUTE FUNCTION public.erase_from_change_log();

CREATE TRIGGER users_erasing BEFORE UPDATE OF erased_at ON public.users FOR EACH ROW WHEN (((old.erased_at IS NULL) AND (new.erased_at IS NOT NULL))) EXECUTE FUNCTION public.erase_user();

CREATE TRIGGER users_recorded AFTER INSERT OR DELETE OR UPDATE ON public.users FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('user', 'id', 'id', 'id role disabled_at created_at updated_at', '');

CREATE TRIGGER webhooks_recorded AFTER INSERT OR DELETE OR UPDATE ON public.webhooks FOR EACH ROW WHEN ((current_setting('reservation.action'::text, true) <> ''::text)) EXECUTE FUNCTION public.record_change('webhook', 'id', '', '', 'failing_since');

ALTER TABLE ONLY public.account_tokens
    ADD CONSTRAINT account_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users(id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.archived_reservations
    ADD CONSTRAINT archived_reservations_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES public.showtimes(id);

ALTER TABLE ONLY public.auditoriums
    ADD CONSTRAINT auditoriums_cinema_id_fkey FOREIGN KEY (cinema_id) REFERENCES public.cinemas(id);

ALTER TABLE ONLY public.booked_seats
    ADD CONSTRAINT booked_seats_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES public.showtimes(id);

ALTER TABLE ONLY public.login_sessions
    ADD CONSTRAINT login_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.refunds
    ADD CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES public.payments(id);

ALTER TABLE ONLY public.reminded_showtimes
    ADD CONSTRAINT reminded_showtimes_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES public.showtimes(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.reservation_changes
    ADD CONSTRAINT reservation_changes_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES public.showtimes(id);

ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT reservations_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES public.showtimes(id);

ALTER TABLE ONLY public.reservations
    ADD CONSTRAINT reservations_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.seats
    ADD CONSTRAINT seats_auditorium_id_fkey FOREIGN KEY (auditorium_id) REFERENCES public.auditoriums(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.showtimes
    ADD CONSTRAINT showtimes_auditorium_id_fkey FOREIGN KEY (auditorium_id) REFERENCES public.auditoriums(id);

ALTER TABLE ONLY public.showtimes
    ADD CONSTRAINT showtimes_movie_id_fkey FOREIGN KEY (movie_id) REFERENCES public.movies(id);

ALTER TABLE ONLY public.totp_secrets
    ADD CONSTRAINT totp_secrets_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhook_secrets
    ADD CONSTRAINT webhook_secrets_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhooks(id) ON DELETE CASCADE;

GRANT USAGE ON SCHEMA public TO reservation_app;
GRANT USAGE ON SCHEMA public TO reservation_readonly;

REVOKE ALL ON FUNCTION public.erase_from_change_log() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.give_address_to_next() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0007() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0010() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0011() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0017() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0018() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0020() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0023() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0024() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0026() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0028() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0029() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0032() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0034() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0035() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0043() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0044() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0045() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0046() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0047() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0049() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0053() FROM PUBLIC;

REVOKE ALL ON PROCEDURE public.grant_reservation_roles_0056() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.record_change() FROM PUBLIC;

GRANT SELECT,INSERT,DELETE ON TABLE public.account_tokens TO reservation_app;

GRANT SELECT(user_id) ON TABLE public.account_tokens TO reservation_readonly;

GRANT SELECT(purpose) ON TABLE public.account_tokens TO reservation_readonly;

GRANT SELECT(created_at) ON TABLE public.account_tokens TO reservation_readonly;

GRANT SELECT(expires_at) ON TABLE public.account_tokens TO reservation_readonly;

GRANT SELECT,INSERT ON TABLE public.api_keys TO reservation_app;

GRANT SELECT(id) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(name) ON TABLE public.api_keys TO reservation_readonly;
GRANT UPDATE(name) ON TABLE public.api_keys TO reservation_app;

GRANT SELECT(user_id) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(prefix) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(scopes) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(created_by) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(created_at) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(expires_at) ON TABLE public.api_keys TO reservation_readonly;

GRANT UPDATE(last_used_at) ON TABLE public.api_keys TO reservation_app;
GRANT SELECT(last_used_at) ON TABLE public.api_keys TO reservation_readonly;

GRANT UPDATE(revoked_at) ON TABLE public.api_keys TO reservation_app;
GRANT SELECT(revoked_at) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(max_holds_per_user) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(max_seats_per_user_per_showtime) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT(holds_per_minute) ON TABLE public.api_keys TO reservation_readonly;

GRANT SELECT ON TABLE public.archived_reservations TO reservation_app;
GRANT SELECT ON TABLE public.archived_reservations TO reservation_readonly;

GRANT UPDATE(user_id) ON TABLE public.archived_reservations TO reservation_app;

GRANT UPDATE(reference) ON TABLE public.archived_reservations TO reservation_app;

GRANT UPDATE(metadata) ON TABLE public.archived_reservations TO reservation_app;

GRANT UPDATE(cancel_reason) ON TABLE public.archived_reservations TO reservation_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.auditoriums TO reservation_app;
GRANT SELECT ON TABLE public.auditoriums TO reservation_readonly;

GRANT SELECT,INSERT,DELETE ON TABLE public.booked_seats TO reservation_app;
GRANT SELECT ON TABLE public.booked_seats TO reservation_readonly;

GRANT SELECT ON TABLE public.change_log TO reservation_app;
GRANT SELECT ON TABLE public.change_log TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.cinemas TO reservation_app;
GRANT SELECT ON TABLE public.cinemas TO reservation_readonly;

GRANT SELECT,UPDATE ON TABLE public.database_generation TO reservation_app;
GRANT SELECT ON TABLE public.database_generation TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.deliveries TO reservation_app;
GRANT SELECT ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(id) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(channel) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(kind) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(event_id) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(webhook_id) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(reservation_id) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(showtime_id) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(user_id) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(status) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(attempts) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(next_attempt_at) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(created_at) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(ended_at) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(last_error) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(last_status_code) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(last_duration_ms) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT(claimed_until) ON TABLE public.deliveries TO reservation_readonly;

GRANT SELECT,UPDATE ON TABLE public.event_feed TO reservation_app;
GRANT SELECT ON TABLE public.event_feed TO reservation_readonly;

GRANT SELECT,INSERT,DELETE ON TABLE public.events TO reservation_app;
GRANT SELECT ON TABLE public.events TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.idempotency_keys TO reservation_app;
GRANT SELECT ON TABLE public.idempotency_keys TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.login_sessions TO reservation_app;
GRANT SELECT ON TABLE public.login_sessions TO reservation_readonly;

GRANT SELECT ON TABLE public.migration_files TO reservation_app;
GRANT SELECT ON TABLE public.migration_files TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.movies TO reservation_app;
GRANT SELECT ON TABLE public.movies TO reservation_readonly;

GRANT SELECT,INSERT,DELETE ON TABLE public.outbox TO reservation_app;
GRANT SELECT ON TABLE public.outbox TO reservation_readonly;

GRANT SELECT,INSERT,DELETE ON TABLE public.payment_events TO reservation_app;
GRANT SELECT ON TABLE public.payment_events TO reservation_readonly;

GRANT SELECT,INSERT,UPDATE ON TABLE public.payments TO reservation_app;
GRANT SELECT ON TABLE public.payments TO reservation_readonly;

GRANT SELECT,INSERT,UPDATE ON TABLE public.refunds TO reservation_app;
GRANT SELECT ON TABLE public.refunds TO reservation_readonly;

GRANT SELECT,INSERT,UPDATE ON TABLE public.reminded_showtimes TO reservation_app;
GRANT SELECT ON TABLE public.reminded_showtimes TO reservation_readonly;

GRANT SELECT,INSERT,DELETE ON TABLE public.reservation_changes TO reservation_app;
GRANT SELECT ON TABLE public.reservation_changes TO reservation_readonly;

GRANT UPDATE(reason) ON TABLE public.reservation_changes TO reservation_app;

GRANT SELECT,INSERT,UPDATE ON TABLE public.reservations TO reservation_app;
GRANT SELECT ON TABLE public.reservations TO reservation_readonly;

GRANT SELECT,INSERT ON TABLE public.reservation_seats TO reservation_app;
GRANT SELECT ON TABLE public.reservation_seats TO reservation_readonly;

GRANT SELECT,INSERT,DELETE ON TABLE public.seats TO reservation_app;
GRANT SELECT ON TABLE public.seats TO reservation_readonly;

GRANT UPDATE(row_label) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(seat_number) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(seat_type) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(price_modifier) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(created_at) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(retired_at) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(x) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(y) ON TABLE public.seats TO reservation_app;

GRANT UPDATE(updated_at) ON TABLE public.seats TO reservation_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.showtime_availability TO reservation_app;
GRANT SELECT ON TABLE public.showtime_availability TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.showtimes TO reservation_app;
GRANT SELECT ON TABLE public.showtimes TO reservation_readonly;

GRANT SELECT,UPDATE ON TABLE public.ticket_type_version TO reservation_app;
GRANT SELECT ON TABLE public.ticket_type_version TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ticket_types TO reservation_app;
GRANT SELECT ON TABLE public.ticket_types TO reservation_readonly;

GRANT SELECT,INSERT,DELETE ON TABLE public.tickets TO reservation_app;

GRANT SELECT(id) ON TABLE public.tickets TO reservation_readonly;

GRANT SELECT(reservation_id) ON TABLE public.tickets TO reservation_readonly;

GRANT SELECT(showtime_id) ON TABLE public.tickets TO reservation_readonly;

GRANT UPDATE(seat_id) ON TABLE public.tickets TO reservation_app;
GRANT SELECT(seat_id) ON TABLE public.tickets TO reservation_readonly;

GRANT SELECT(created_at) ON TABLE public.tickets TO reservation_readonly;

GRANT UPDATE(cancelled_at) ON TABLE public.tickets TO reservation_app;
GRANT SELECT(cancelled_at) ON TABLE public.tickets TO reservation_readonly;

GRANT UPDATE(checked_in_at) ON TABLE public.tickets TO reservation_app;
GRANT SELECT(checked_in_at) ON TABLE public.tickets TO reservation_readonly;

GRANT UPDATE(checked_in_by) ON TABLE public.tickets TO reservation_app;
GRANT SELECT(checked_in_by) ON TABLE public.tickets TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.totp_secrets TO reservation_app;

GRANT SELECT(user_id) ON TABLE public.totp_secrets TO reservation_readonly;

GRANT SELECT(created_at) ON TABLE public.totp_secrets TO reservation_readonly;

GRANT SELECT(confirmed_at) ON TABLE public.totp_secrets TO reservation_readonly;

GRANT SELECT(wrong_codes) ON TABLE public.totp_secrets TO reservation_readonly;

GRANT SELECT(wrong_codes_since) ON TABLE public.totp_secrets TO reservation_readonly;

GRANT SELECT,INSERT ON TABLE public.users TO reservation_app;

GRANT SELECT(id) ON TABLE public.users TO reservation_readonly;

GRANT SELECT(name) ON TABLE public.users TO reservation_readonly;
GRANT UPDATE(name) ON TABLE public.users TO reservation_app;

GRANT SELECT(email) ON TABLE public.users TO reservation_readonly;

GRANT UPDATE(password_hash) ON TABLE public.users TO reservation_app;

GRANT UPDATE(role) ON TABLE public.users TO reservation_app;
GRANT SELECT(role) ON TABLE public.users TO reservation_readonly;

GRANT SELECT(created_at) ON TABLE public.users TO reservation_readonly;

GRANT UPDATE(updated_at) ON TABLE public.users TO reservation_app;
GRANT SELECT(updated_at) ON TABLE public.users TO reservation_readonly;

GRANT SELECT(guest_email) ON TABLE public.users TO reservation_readonly;

GRANT SELECT(made_at_box_office) ON TABLE public.users TO reservation_readonly;

GRANT UPDATE(email_verified_at) ON TABLE public.users TO reservation_app;
GRANT SELECT(email_verified_at) ON TABLE public.users TO reservation_readonly;

GRANT UPDATE(disabled_at) ON TABLE public.users TO reservation_app;
GRANT SELECT(disabled_at) ON TABLE public.users TO reservation_readonly;

GRANT UPDATE(erased_at) ON TABLE public.users TO reservation_app;
GRANT SELECT(erased_at) ON TABLE public.users TO reservation_readonly;

GRANT SELECT(same_address_as) ON TABLE public.users TO reservation_readonly;

GRANT UPDATE(language) ON TABLE public.users TO reservation_app;
GRANT SELECT(language) ON TABLE public.users TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhook_secrets TO reservation_app;
GRANT SELECT ON TABLE public.webhook_secrets TO reservation_readonly;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.webhooks TO reservation_app;
GRANT SELECT ON TABLE public.webhooks TO reservation_readonly;

ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT,INSERT,UPDATE ON TABLES TO reservation_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reservation_readonly;
