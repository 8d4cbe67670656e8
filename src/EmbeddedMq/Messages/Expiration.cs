using System.Globalization;

namespace EmbeddedMq.Messages;

/// <summary>The property <c>expiration</c>: milliseconds as decimal digits.</summary>
internal static class Expiration
{
    /// <summary>The longest time to live, in milliseconds: 2^32 - 1, as in RabbitMQ.</summary>
    internal const long MaxMs = uint.MaxValue;

    /// <summary>Reads it.</summary>
    /// <param name="text">The property.</param>
    /// <param name="milliseconds">The time to live.</param>
    /// <param name="reason">What is wrong with it, in the words of RabbitMQ's reply texts.</param>
    internal static bool TryParse(string text, out long milliseconds, out string reason)
    {
        reason = "";
        int digits = 0;
        int start = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        while (start + digits < text.Length && char.IsAsciiDigit(text[start + digits]))
        {
            digits++;
        }

        if (digits == 0)
        {
            milliseconds = 0;
            reason = "no_integer";
            return false;
        }

        string number = text[..(start + digits)];
        if (start + digits < text.Length)
        {
            milliseconds = 0;
            reason = $"{{leftover_string,\"{text[(start + digits)..]}\"}}";
            return false;
        }

        if (!long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out milliseconds) || milliseconds > MaxMs)
        {
            reason = $"{{value_too_large,{number.TrimStart('+')}}}";
            return false;
        }

        if (milliseconds < 0)
        {
            reason = $"{{value_negative,{number}}}";
            return false;
        }

        return true;
    }
}
