namespace EmbeddedMq;

/// <summary>What the store does on the server, each in one step. The values' layout: <see cref="RedisMark"/>.</summary>
/// <remarks>
/// Each has one key, and as arguments fingerprint and token in one, and a time in milliseconds. Decisions, by what the key holds:
/// <code>
///            nothing    claimed, mine  claimed, other's  processed                given up
/// claim      granted    (new token)    busy              duplicate or conflict    granted
/// renew      granted    prolonged      lost              lost                     lost
/// complete   processed  processed      lost              mine: processed; lost    processed
/// give up    -          deleted        -                 -                        -
/// fail       given up   given up       -                 -                        given up
/// </code>
/// A claim whose lease was over and that nobody has taken since may still be completed: nobody else has processed the message.
/// </remarks>
internal static class RedisScripts
{
    private const string Now = "local t = redis.call('TIME') local now = t[1] .. string.format('%03d', math.floor(t[2] / 1000)) ";

    private const string Current = "local v = redis.call('GET', KEYS[1]) local state = v and string.sub(v, 1, 1) local mine = v and string.sub(v, 18, 33) == string.sub(ARGV[1], 17) ";

    /// <summary>Gives what INFO says of the server's memory. A script, because the client library keeps INFO for administrators' connections.</summary>
    internal const string Memory = "return redis.call('INFO', 'memory')";

    /// <summary>Claims. Gives the outcome, and for how long the other's claim holds at most, in milliseconds.</summary>
    internal const string Claim = Current + """
        if state == 'P' then
          if string.sub(v, 2, 17) == string.sub(ARGV[1], 1, 16) then return {1, 0} else return {2, 0} end
        end
        if state == 'C' then return {3, redis.call('PTTL', KEYS[1])} end
        """ + "\n" + Now + """
        redis.call('SET', KEYS[1], 'C' .. ARGV[1] .. now, 'PX', ARGV[2])
        return {0, 0}
        """;

    /// <summary>Prolongs a claim. Gives 1, or 0 where it is lost.</summary>
    internal const string Renew = Current + Now + """
        if (state == 'C' and mine) or not v then
          redis.call('SET', KEYS[1], 'C' .. ARGV[1] .. now, 'PX', ARGV[2])
          return 1
        end
        return 0
        """;

    /// <summary>Remembers as processed. Gives 1, or 0 where the claim is lost.</summary>
    internal const string Complete = Current + Now + """
        if state == 'P' then return mine and 1 or 0 end
        if state == 'C' and not mine then return 0 end
        redis.call('SET', KEYS[1], 'P' .. ARGV[1] .. now, 'PX', ARGV[2])
        return 1
        """;

    /// <summary>Gives a claim up.</summary>
    internal const string GiveUp = Current + """
        if state == 'C' and mine then redis.call('DEL', KEYS[1]) end
        return 1
        """;

    /// <summary>Notes that the message was given up.</summary>
    internal const string Fail = Current + Now + """
        if state == 'P' or (state == 'C' and not mine) then return 0 end
        redis.call('SET', KEYS[1], 'F' .. ARGV[1] .. now, 'PX', ARGV[2])
        return 1
        """;
}
