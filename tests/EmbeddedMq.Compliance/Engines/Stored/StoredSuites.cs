namespace EmbeddedMq.Compliance.Stored;

// One line a suite, so one file for all of them: a suite missing here is found by CoverageTests.

public sealed class StoredAcknowledgeCompliance() : AcknowledgeCompliance(new StoredEngine(Durability.Synced));

public sealed class StoredAcknowledgementTimeoutCompliance() : AcknowledgementTimeoutCompliance(new StoredEngine(Durability.Synced));

public sealed class StoredAlternateExchangeCompliance() : AlternateExchangeCompliance(new StoredEngine());

public sealed class StoredBindingCompliance() : BindingCompliance(new StoredEngine());

public sealed class StoredBlockPublisherCompliance() : BlockPublisherCompliance(new StoredEngine());

public sealed class StoredConfirmCompliance() : ConfirmCompliance(new StoredEngine(Durability.Synced));

public sealed class StoredConnectionCompliance() : ConnectionCompliance(new StoredEngine());

public sealed class StoredConsistentHashCompliance() : ConsistentHashCompliance(new StoredEngine());

public sealed class StoredConsumeCompliance() : ConsumeCompliance(new StoredEngine());

public sealed class StoredDeadLetterCompliance() : DeadLetterCompliance(new StoredEngine(Durability.Synced));

public sealed class StoredDeathHistoryCompliance() : DeathHistoryCompliance(new StoredEngine());

public sealed class StoredDefinitionsCompliance() : DefinitionsCompliance(new StoredEngine());

public sealed class StoredDelayedExchangeCompliance() : DelayedExchangeCompliance(new StoredEngine());

public sealed class StoredDeliveryLimitCompliance() : DeliveryLimitCompliance(new StoredEngine());

public sealed class StoredDirectReplyToCompliance() : DirectReplyToCompliance(new StoredEngine());

public sealed class StoredDispatchCompliance() : DispatchCompliance(new StoredEngine());

public sealed class StoredExchangeDeclareCompliance() : ExchangeDeclareCompliance(new StoredEngine());

public sealed class StoredExchangeRoutingCompliance() : ExchangeRoutingCompliance(new StoredEngine());

public sealed class StoredExclusiveQueueCompliance() : ExclusiveQueueCompliance(new StoredEngine());

public sealed class StoredFlowControlCompliance() : FlowControlCompliance(new StoredEngine());

public sealed class StoredHeadersCompliance() : HeadersCompliance(new StoredEngine());

public sealed class StoredLengthLimitCompliance() : LengthLimitCompliance(new StoredEngine());

public sealed class StoredLimitsCompliance() : LimitsCompliance(new StoredEngine());

public sealed class StoredManagementCompliance() : ManagementCompliance(new StoredEngine());

public sealed class StoredOrderingCompliance() : OrderingCompliance(new StoredEngine());

public sealed class StoredPolicyCompliance() : PolicyCompliance(new StoredEngine());

public sealed class StoredPrefetchCompliance() : PrefetchCompliance(new StoredEngine());

public sealed class StoredPriorityCompliance() : PriorityCompliance(new StoredEngine());

public sealed class StoredPublishCompliance() : PublishCompliance(new StoredEngine());

public sealed class StoredQueueArgumentCompliance() : QueueArgumentCompliance(new StoredEngine());

public sealed class StoredQueueDeclareCompliance() : QueueDeclareCompliance(new StoredEngine());

public sealed class StoredQueueDeleteCompliance() : QueueDeleteCompliance(new StoredEngine());

public sealed class StoredQueueExpiryCompliance() : QueueExpiryCompliance(new StoredEngine());

public sealed class StoredQuorumQueueCompliance() : QuorumQueueCompliance(new StoredEngine());

public sealed class StoredRandomExchangeCompliance() : RandomExchangeCompliance(new StoredEngine());

public sealed class StoredSingleActiveConsumerCompliance() : SingleActiveConsumerCompliance(new StoredEngine());

public sealed class StoredTopicCompliance() : TopicCompliance(new StoredEngine());

public sealed class StoredTransactionCompliance() : TransactionCompliance(new StoredEngine(Durability.Synced));

public sealed class StoredTtlCompliance() : TtlCompliance(new StoredEngine());

public sealed class StoredVirtualHostCompliance() : VirtualHostCompliance(new StoredEngine());
