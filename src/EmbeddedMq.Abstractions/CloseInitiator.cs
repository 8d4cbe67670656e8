namespace EmbeddedMq;

/// <summary>The side that closed a channel or a connection.</summary>
public enum CloseInitiator
{
    /// <summary>The application called close or dispose.</summary>
    Application,

    /// <summary>The broker: an error of the application's, an operator, or a stop.</summary>
    Broker,

    /// <summary>The connection to a remote broker was lost.</summary>
    Network,
}
