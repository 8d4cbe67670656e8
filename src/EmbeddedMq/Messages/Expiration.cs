using System.Globalization;
using System.Numerics;

namespace EmbeddedMq.Messages;

/// <summary>The property <c>expiration</c>: milliseconds as decimal digits.</summary>
/// <remarks>Source: RabbitMQ, rabbit_basic:parse_expiration.</remarks>
internal static class Expiration
{
    /// <summary>The longest time to live: ten years, as in RabbitMQ (rabbit_misc:check_expiry).</summary>
    internal const long MaxMs = 315_360_000_000;

    /// <summary>Reads it.</summary>
    /// <param name="text">The property.</param>
    /// <param name="milliseconds">The time to live, 0 to <see cref="MaxMs"/>.</param>
    /// <param name="reason">RabbitMQ's reason why it is invalid: <c>no_integer</c>, <c>{leftover_string,".5"}</c>, <c>{value_negative,-1}</c>,
    /// <c>{value_too_large,315360000001}</c>; empty when it is valid.</param>
    internal static bool TryParse(string text, out long milliseconds, out string reason)
    {
        // The common case, on the path of every publish with a time to live.
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out milliseconds) && milliseconds <= MaxMs)
        {
            reason = "";
            return true;
        }

        milliseconds = 0;
        reason = FindFault(text, ref milliseconds);
        return reason.Length == 0;
    }

    private static string FindFault(string text, ref long milliseconds)
    {
        int start = text.StartsWith('+') || text.StartsWith('-') ? 1 : 0;
        int end = start;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
        {
            end++;
        }

        if (end == start)
        {
            return "no_integer";
        }

        if (end < text.Length)
        {
            return $"{{leftover_string,\"{text[end..]}\"}}";
        }

        BigInteger number = BigInteger.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        if (number.Sign < 0)
        {
            return $"{{value_negative,{number}}}";
        }

        if (number > MaxMs)
        {
            return $"{{value_too_large,{number}}}";
        }

        milliseconds = (long)number;
        return "";
    }
}
