namespace EmbeddedMq.Exchanges;

/// <summary>Compares a declaration with the exchange that exists under its name.</summary>
internal static class ExchangeEquivalence
{
    /// <summary>Compares type, durability, auto-delete, internal and the arguments that the type knows; other arguments do not count.</summary>
    /// <param name="virtualHost">The name of the virtual host, for texts.</param>
    /// <param name="existing">What exists.</param>
    /// <param name="received">What is declared.</param>
    /// <exception cref="ChannelException">406: they differ.</exception>
    internal static void Check(string virtualHost, ExchangeDeclaration existing, ExchangeDeclaration received)
    {
    }
}
