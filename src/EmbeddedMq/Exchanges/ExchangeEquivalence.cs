using EmbeddedMq.Errors;

namespace EmbeddedMq.Exchanges;

/// <summary>Compares a declaration with the exchange that exists under its name.</summary>
/// <remarks>
/// Source: RabbitMQ, rabbit_exchange:assert_equivalence. It compares <c>alternate-exchange</c> alone of the arguments; what a type of its
/// own (consistent hash, delayed) was declared with is compared here too, because an application that asks for another hash or another
/// inner type would otherwise be told that it has it.
/// </remarks>
internal static class ExchangeEquivalence
{
    /// <summary>Compares type, durability, auto-delete, internal and the arguments that the type knows; other arguments do not count.</summary>
    /// <param name="virtualHost">The name of the virtual host, for texts.</param>
    /// <param name="existing">What exists.</param>
    /// <param name="received">What is declared.</param>
    /// <exception cref="ChannelException">406: the declared type does not exist, or they differ.</exception>
    internal static void Check(string virtualHost, ExchangeDeclaration existing, ExchangeDeclaration received)
    {
        ExchangeFactory.CheckType(received.Type);
        string name = existing.Name;
        string text = MqErrors.ExchangeIn(virtualHost, name);
        ChannelException? difference =
            ArgumentEquivalence.FindDifference(text, name, "type", existing.Type, received.Type)
            ?? ArgumentEquivalence.FindDifference(text, name, "durable", existing.IsDurable, received.IsDurable)
            ?? ArgumentEquivalence.FindDifference(text, name, "auto_delete", existing.IsAutoDelete, received.IsAutoDelete)
            ?? ArgumentEquivalence.FindDifference(text, name, "internal", existing.IsInternal, received.IsInternal)
            ?? ArgumentEquivalence.FindDifference(text, name, existing.Arguments, received.Arguments, KnownArguments(existing));
        if (difference is not null)
        {
            throw difference;
        }
    }

    private static string[] KnownArguments(ExchangeDeclaration exchange)
    {
        string? routingType = exchange.Type == ExchangeType.Delayed
            ? exchange.Arguments.GetValueOrDefault(ExchangeArgument.DelayedType) as string
            : exchange.Type;
        return
        [
            ExchangeArgument.AlternateExchange,
            .. exchange.Type == ExchangeType.Delayed ? [ExchangeArgument.DelayedType] : Array.Empty<string>(),
            .. routingType == ExchangeType.ConsistentHash ? [ExchangeArgument.HashHeader, ExchangeArgument.HashProperty] : Array.Empty<string>(),
        ];
    }
}
