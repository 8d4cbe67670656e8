namespace EmbeddedMq;

/// <summary>What a connection is opened with. Immutable.</summary>
public sealed record ConnectionOptions
{
    /// <summary>The virtual host of an AMQP broker that exists without being created.</summary>
    public const string DefaultVirtualHost = "/";

    /// <summary>The virtual host to open. Default <c>/</c>.</summary>
    public string VirtualHost { get; init; } = DefaultVirtualHost;

    /// <summary>A name that tells connections apart in logs and listings. Default <see langword="null"/>: the broker makes one.</summary>
    public string? Name { get; init; }

    /// <summary>The user that the connection acts for; the property <see cref="MessageProperties.UserId"/> of a published message must equal it. Default <c>guest</c>.</summary>
    public string UserName { get; init; } = "guest";
}
