namespace EmbeddedMq.Bindings;

/// <summary>What a binding leads to: a queue or an exchange.</summary>
/// <remarks>Destinations are compared by reference: one object stands for one queue or exchange for as long as that exists.</remarks>
internal interface IDestination
{
    /// <summary>Its name, unique within its kind and virtual host.</summary>
    string Name { get; }

    /// <summary>Whether it is a queue or an exchange.</summary>
    DestinationKind Kind { get; }
}
