using System.Globalization;
using System.Numerics;

namespace EmbeddedMq.Queues;

/// <summary>Reads the property <c>expiration</c>: milliseconds as decimal digits.</summary>
/// <remarks>Source: RabbitMQ, rabbit_basic:parse_expiration.</remarks>
internal static class MessageExpiration
{
    /// <summary>Reads it.</summary>
    /// <param name="expiration">The property, not <see langword="null"/>.</param>
    /// <param name="timeToLiveMs">0 to <see cref="QueueArgumentRules.MaxDurationMs"/>.</param>
    /// <returns><see langword="null"/>, or RabbitMQ's reason why it is invalid: <c>no_integer</c>, <c>{leftover_string,".5"}</c>, <c>{value_negative,-1}</c>,
    /// <c>{value_too_large,315360000001}</c>.</returns>
    internal static string? TryParse(string expiration, out long timeToLiveMs)
    {
        // The common case, on the path of every publish with a time to live.
        if (long.TryParse(expiration, NumberStyles.None, CultureInfo.InvariantCulture, out timeToLiveMs) && timeToLiveMs <= QueueArgumentRules.MaxDurationMs)
        {
            return null;
        }

        return FindFault(expiration, out timeToLiveMs);
    }

    private static string? FindFault(string expiration, out long timeToLiveMs)
    {
        timeToLiveMs = 0;
        int start = expiration.Length > 0 && expiration[0] is '+' or '-' ? 1 : 0;
        int end = start;
        while (end < expiration.Length && char.IsAsciiDigit(expiration[end]))
        {
            end++;
        }

        if (end == start)
        {
            return "no_integer";
        }

        if (end < expiration.Length)
        {
            return $"{{leftover_string,\"{expiration[end..]}\"}}";
        }

        BigInteger number = BigInteger.Parse(expiration, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (number.Sign < 0)
        {
            return $"{{value_negative,{number}}}";
        }

        if (number > QueueArgumentRules.MaxDurationMs)
        {
            return $"{{value_too_large,{number}}}";
        }

        timeToLiveMs = (long)number;
        return null;
    }
}
