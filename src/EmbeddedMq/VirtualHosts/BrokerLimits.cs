using System.ComponentModel.DataAnnotations;

namespace EmbeddedMq;

/// <summary>Bounds on what applications may ask for. Exceeding one is an error that names the bound; nothing is lost by it.</summary>
public sealed class BrokerLimits
{
    /// <summary>Largest body, in bytes. 1 to 2,147,483,591. Default 128 MiB, as in RabbitMQ 3.10. Beyond: 406, the channel closes.</summary>
    [Range(1, 2_147_483_591)]
    public int MaxMessageBytes { get; set; } = 128 * 1024 * 1024;

    // A record of the store is 4 MiB at most, and a message must fit into one whatever becomes of it: headers, which may be longer there by a third (integers
    // that take the most bytes), other texts, a body of 1 MiB that is not in pieces, what deaths add to the headers (DeathHistory.MostBytes, and a third), and
    // half a MiB of queues (MessageStore.MostRefs).
    internal const int MostStoredHeaderBytes = 3 << 18;

    /// <summary>Largest header table of a message, in encoded bytes, and the most that its other texts (ids, types, names) may have together. 1 to 1 GiB, with a data
    /// directory to 768 KiB. A decimal counts for 16 bytes. Default 128 KiB, as AMQP's usual frame. Beyond: 406, the channel closes.</summary>
    [Range(1, 1024 * 1024 * 1024)]
    public int MaxHeaderBytes { get; set; } = 128 * 1024;

    /// <summary>Longest name of a queue, exchange, consumer or routing key, in bytes of UTF-8. 1 to 255. Default 255, which is AMQP's. Beyond: 406, the channel closes.</summary>
    [Range(1, 255)]
    public int MaxNameBytes { get; set; } = 255;

    /// <summary>Most connections at once. 1 to 2,147,483,647. Default <see langword="null"/>: no bound. Beyond: 530, the connection is refused.</summary>
    [Range(1, int.MaxValue)]
    public int? MaxConnections { get; set; }

    /// <summary>Most open channels of one connection. 1 to 65,535. Default 2,047, as in RabbitMQ. Beyond: 530, the connection closes.</summary>
    [Range(1, 65_535)]
    public int MaxChannelsPerConnection { get; set; } = 2_047;

    /// <summary>Most consumers of one channel. 1 to 2,147,483,647. Default <see langword="null"/>: no bound. Beyond: 530, the connection closes.</summary>
    [Range(1, int.MaxValue)]
    public int? MaxConsumersPerChannel { get; set; }

    /// <summary>How long a delivery may stay unsettled, to a consumer or taken with a get. 1 millisecond to 3,650 days. Default <see langword="null"/>: as long as it
    /// likes. Beyond: 406, the channel closes, and what it held unsettled goes back to its queue.</summary>
    /// <remarks>Looked at at least once a minute, and once in the time itself, and counted from the first look after the delivery: it is late by one look at most.
    /// What was handed over counts, whether or not the application has read it: a prefetch bounds that. Source: RabbitMQ, <c>consumer_timeout</c>, which is 30 minutes by default
    /// there, and from 4.3 on only for quorum queues.</remarks>
    public TimeSpan? AcknowledgementTimeout { get; set; }

    /// <summary>Most queues of one virtual host. 1 to 2,147,483,647. Default <see langword="null"/>: no bound. Beyond: 406, the channel closes.</summary>
    [Range(1, int.MaxValue)]
    public int? MaxQueuesPerVirtualHost { get; set; }
}
