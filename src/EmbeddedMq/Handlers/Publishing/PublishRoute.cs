namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Where messages of one type go. Immutable.</summary>
internal abstract record PublishRoute
{
    /// <summary>The exchange, or <see langword="null"/> where each publish must name it.</summary>
    public string? Exchange { get; init; }

    /// <summary>The routing key, where it does not come from the message.</summary>
    public string RoutingKey { get; init; } = "";

    /// <summary>Whether a message that no queue takes comes back; <see langword="null"/>: if it goes to a queue by name.</summary>
    public bool? Mandatory { get; init; }

    /// <summary>Whether it is stored in durable queues.</summary>
    public bool Persistent { get; init; } = true;

    /// <summary>Priority, or <see langword="null"/> for not set.</summary>
    public byte? Priority { get; init; }

    /// <summary>Time to live, or <see langword="null"/> for none.</summary>
    public TimeSpan? TimeToLive { get; init; }

    /// <summary>After how long somebody asks whether it was processed, or <see langword="null"/> for never.</summary>
    public TimeSpan? CheckDelay { get; init; }

    /// <summary>For how many bytes a message counts that is handed over by reference, or <see langword="null"/> where it is written at publishing.</summary>
    public int? ReferenceBytes { get; init; }

    /// <summary>The property type.</summary>
    public required string TypeName { get; init; }

    /// <summary>The property type of a type that was given none.</summary>
    /// <param name="type">The type.</param>
    /// <remarks>As text, not as full name: that has the assemblies and versions of type arguments, which are others after each release.</remarks>
    internal static string NameOf(Type type) => type.ToString() is { Length: <= 255 } name ? name : type.Name;

    /// <summary>Checks that the serializer knows the type.</summary>
    /// <param name="serializer">The serializer.</param>
    /// <exception cref="InvalidOperationException">It does not.</exception>
    public abstract void Check(IMessageSerializer serializer);
}
