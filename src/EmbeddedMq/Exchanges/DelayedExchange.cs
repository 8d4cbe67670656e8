using System.Globalization;
using EmbeddedMq.Bindings;
using EmbeddedMq.Storage;

namespace EmbeddedMq.Exchanges;

/// <summary>Holds messages for the time in their header <c>x-delay</c>; what is due, or was never delayed, is routed by another type.</summary>
/// <remarks>
/// It only says how long (<see cref="TryGetDelay"/>); holding is the caller's. Bindings are those of the other type and count when the
/// message is due. Source: RabbitMQ's delayed message exchange plugin.
/// </remarks>
/// <param name="declaration">What it was declared with.</param>
/// <param name="inner">The exchange of the type in the argument <c>x-delayed-type</c>, with the same declaration.</param>
internal sealed class DelayedExchange(ExchangeDeclaration declaration, Exchange inner) : Exchange(declaration)
{
    /// <summary>The longest delay in milliseconds, 49 days and 17 hours; what asks for more is not delayed at all, as in the plugin.</summary>
    internal const long MaxDelayMs = uint.MaxValue;

    /// <summary>What the store keeps of it; <see langword="null"/> when it is not stored. Set before anything is published to it.</summary>
    internal StoredQueue? Stored { get; set; }

    /// <inheritdoc/>
    internal override bool RoutesByKeyOnly => false;

    /// <inheritdoc/>
    internal override bool RoutesEveryKey => inner.RoutesEveryKey;

    /// <summary>Reads how long a message is to be held.</summary>
    /// <param name="headers">Its headers; <c>x-delay</c> is a number of milliseconds: an integer, a float (cut), or a string of digits.</param>
    /// <param name="delay">The delay.</param>
    /// <returns>Whether the message is to be held: 0 &lt; delay ≤ <see cref="MaxDelayMs"/>.</returns>
    internal static bool TryGetDelay(HeaderTable headers, out TimeSpan delay)
    {
        bool isPending = TryReadDelay(headers, out long delayMs) && delayMs is > 0 and <= MaxDelayMs;
        delay = isPending ? TimeSpan.FromMilliseconds(delayMs) : TimeSpan.Zero;
        return isPending;
    }

    /// <summary>The message as it is routed when due: <c>x-delay</c> is negative, so that it is not held again and consumers see how long it was.</summary>
    /// <param name="message">The message as it was published.</param>
    internal static Message MarkDelayed(Message message)
        => TryReadDelay(message.Headers, out long delayMs)
            ? message.WithProperties(message.Properties.WithHeader(ExchangeArgument.Delay, -delayMs))
            : message;

    /// <inheritdoc/>
    internal override void CollectDestinations(in RoutingContext message, DestinationSet destinations)
        => inner.CollectDestinations(message, destinations);

    /// <inheritdoc/>
    internal override void ValidateBinding(Binding binding) => inner.ValidateBinding(binding);

    /// <inheritdoc/>
    internal override void OnAdded(Binding binding) => inner.OnAdded(binding);

    /// <inheritdoc/>
    internal override void OnRemoved(Binding binding) => inner.OnRemoved(binding);

    private static bool TryReadDelay(HeaderTable headers, out long delayMs)
    {
        object? value = headers.GetValueOrDefault(ExchangeArgument.Delay);
        switch (value)
        {
            case string text:
                return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out delayMs);
            case float or double or decimal:
                double number = Math.Truncate(Convert.ToDouble(value, CultureInfo.InvariantCulture));
                bool isUsable = number is >= -MaxDelayMs and <= MaxDelayMs;
                delayMs = isUsable ? (long)number : 0;
                return isUsable;
            default:
                return HeaderTable.TryGetInteger(value, out delayMs);
        }
    }
}
